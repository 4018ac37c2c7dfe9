# Deploys this folder as a managed online endpoint, with the Azure CLI alone. A second run changes
# nothing. Before: az extension add --name ml; az login;
# az configure --defaults group=GROUP workspace=WORKSPACE
#
# CANARY_PERCENT=10 gives the new deployment a part of the traffic first, for CANARY_SECONDS (300).
# KEEP_OLD=1 keeps the old deployment, to which one change of the traffic goes back:
#   az ml online-endpoint update --name ENDPOINT --traffic "OLD=100"

on_endpoint=(--endpoint-name "$endpoint")
step() { echo "== $*" >&2; }

old=""
created=""
failed() {
  echo "failed: requests go to ${old:-no deployment} as before." >&2
  if [ -n "$created" ]; then
    echo "its log:   az ml online-deployment get-logs --name $deployment --endpoint-name $endpoint" >&2
    echo "delete it: az ml online-deployment delete --name $deployment --endpoint-name $endpoint --yes" >&2
  fi
}
trap failed ERR

step "endpoint $endpoint"
if ! az ml online-endpoint show --name "$endpoint" --output none 2>/dev/null; then
  az ml online-endpoint create --file endpoint.yml --output none
fi
# The deployment with the largest share of the traffic; the others of the endpoint are left alone.
most=0
deployments=$(az ml online-deployment list "${on_endpoint[@]}" --query "[].name" --output tsv)
for each in $deployments; do
  share=$(az ml online-endpoint show --name "$endpoint" --query "traffic.\"$each\"" --output tsv)
  share=${share//[!0-9]/}
  if [ "$each" != "$deployment" ] && [ "${share:-0}" -gt "$most" ]; then
    old=$each
    most=$share
  fi
done

# @register_assets

step "deployment $deployment, without traffic"
state=$(az ml online-deployment show --name "$deployment" "${on_endpoint[@]}" \
  --query provisioning_state --output tsv 2>/dev/null || true)
if [ "$state" = Failed ] || [ "$state" = Canceled ]; then
  az ml online-deployment delete --name "$deployment" "${on_endpoint[@]}" --yes
  state=""
fi
if [ -z "$state" ]; then
  created=yes
  az ml online-deployment create --file deployment.yml "${what[@]}" --output none
elif [ "$state" != Succeeded ]; then
  echo "failed: $deployment is $state; wait until it is Succeeded, and run this again." >&2
  exit 1
fi

if [ -f sample-request.json ]; then
  step "sample request"
  az ml online-endpoint invoke --name "$endpoint" --deployment-name "$deployment" \
    --request-file sample-request.json
fi

percent=${CANARY_PERCENT:-0}
if [ -n "$old" ] && [ "$percent" -gt 0 ]; then
  step "$percent % of the traffic to $deployment"
  az ml online-endpoint update --name "$endpoint" \
    --traffic "$old=$((100 - percent)) $deployment=$percent" --output none
  sleep "${CANARY_SECONDS:-300}"
fi

step "all traffic to $deployment"
az ml online-endpoint update --name "$endpoint" --traffic "$deployment=100" --output none

if [ -n "$old" ] && [ -z "${KEEP_OLD:-}" ]; then
  step "delete $old"
  az ml online-deployment delete --name "$old" "${on_endpoint[@]}" --yes
fi
az ml online-endpoint show --name "$endpoint" --query scoring_uri --output tsv
