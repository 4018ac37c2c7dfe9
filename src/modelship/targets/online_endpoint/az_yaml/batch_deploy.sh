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

# @register_assets

step "deployment $deployment"
if ! az ml batch-deployment show --name "$deployment" "${on_endpoint[@]}" \
  --output none 2>/dev/null; then
  az ml batch-deployment create --file deployment.yml "${what[@]}" --output none
fi

step "$deployment is the default deployment"
az ml batch-endpoint update --name "$endpoint" --set "defaults.deployment_name=$deployment" \
  --output none
az ml batch-endpoint show --name "$endpoint" --query scoring_uri --output tsv
