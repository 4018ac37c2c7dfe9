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
