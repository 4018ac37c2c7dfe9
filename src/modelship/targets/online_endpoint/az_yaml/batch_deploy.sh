# Deploys this folder as a batch endpoint, with the Azure CLI alone. A second run changes nothing.
# Before: az extension add --name ml; az login;
# az configure --defaults group=GROUP workspace=WORKSPACE
#
# Start a job afterwards:
#   az ml batch-endpoint invoke --name ENDPOINT --input FOLDER --input-type uri_folder

on_endpoint=(--endpoint-name "$endpoint")
step() { echo "== $*" >&2; }
trap 'echo "failed: the default deployment of $endpoint is as before." >&2' ERR

step "compute $compute"
if ! az ml compute show --name "$compute" --output none 2>/dev/null; then
  az ml compute create --name "$compute" --type amlcompute --min-instances 0 \
    --max-instances "${MAX_INSTANCES:-2}" --output none
fi

step "endpoint $endpoint"
if ! az ml batch-endpoint show --name "$endpoint" --output none 2>/dev/null; then
  az ml batch-endpoint create --file endpoint.yml --output none
fi

what=()
if [ -n "$model" ]; then
  step "model $model"
  query="[?properties.\"modelship.sha256\"=='$model_digest'].version | [0]"
  version=$(az ml model list --name "$model" --query "$query" --output tsv 2>/dev/null || true)
  if [ -z "$version" ] || [ "$version" = None ]; then
    version=$(az ml model create --file model.yml --query version --output tsv)
  fi
  what+=(--set "model=azureml:$model:$version")
fi

step "environment $environment:$environment_version"
if ! az ml environment show --name "$environment" --version "$environment_version" \
  --output none 2>/dev/null; then
  az ml environment create --file environment.yml --output none
fi
what+=(--set "environment=azureml:$environment:$environment_version")

step "deployment $deployment"
if ! az ml batch-deployment show --name "$deployment" "${on_endpoint[@]}" \
  --output none 2>/dev/null; then
  az ml batch-deployment create --file deployment.yml "${what[@]}" --output none
fi

step "$deployment is the default deployment"
az ml batch-endpoint update --name "$endpoint" --set "defaults.deployment_name=$deployment" \
  --output none
az ml batch-endpoint show --name "$endpoint" --query scoring_uri --output tsv
