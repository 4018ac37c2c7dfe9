"""Sign in to an offline workspace: the responses of Microsoft's identity platform to programs.

The protocol is the client credentials flow of OAuth 2.0 (RFC 6749, section 4.4) as MSAL speaks it:
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

from __future__ import annotations

import hmac
import uuid
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from werkzeug.wrappers import Response

from modelship.testing.offline.hosts import is_loopback
from modelship.testing.offline.json_exchange import RefusalError, json_response
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.request_guard import Door

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from modelship.testing.offline.identity import Identity
    from modelship.testing.offline.offline_context import Context

__all__ = ["Login", "ServicePrincipal"]

_HOST = "https://login.microsoftonline.com"
_PAGE = "offline-sign-in"
_CONFIGURATION = "/v2.0/.well-known/openid-configuration"
# The codes at the start of the identity platform's errors:
# https://learn.microsoft.com/entra/identity-platform/reference-error-codes
_NO_TENANT = "AADSTS90002"
_NO_CLIENT = "AADSTS700016"
_WRONG_SECRET = "AADSTS7000215"  # noqa: S105 - the name of an error
_WRONG_GRANT = "AADSTS70003"
_NO_PEOPLE = (
    "An offline workspace only signs in its service principal, and the variables "
    "AZUREML_SERVICE_PRINCIPAL_... are not all set here. Read them from the file in the "
    "workspace's folder: source environment.sh"
)
_AGAIN = (
    "They are not those of this offline workspace. Read them from the file in its folder: source "
    "environment.sh"
)
_HTML = """<!doctype html>
<title>Offline workspace</title>
<p>{sentence}</p>
"""
_FORM = """<form method="{method}" action="{action}">
{fields}
</form>
<script>document.forms[0].submit()</script>
"""
_LIFETIME_S = 3599  # the value that the platform sends for a token that is valid for an hour


@dataclass(frozen=True)
class ServicePrincipal:
    """The only service principal of an offline workspace, which may sign in.

    Parameters
    ----------
    tenant_id, client_id : str
        UUIDs.
    client_secret : str
        Its password.
    """

    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)

    @classmethod
    def of(cls, identity: Identity) -> ServicePrincipal:
        """Return that of a workspace: the same each time its folder is opened."""
        client_id = uuid.uuid5(uuid.UUID(identity.workspace_id), "service principal")
        return cls(identity.tenant_id, str(client_id), identity.key_for("service principal"))


class _LoginRefusalError(RefusalError):
    """An error in the shape of the identity platform, which MSAL reads."""

    def __init__(self, status: int, error: str, code: str, message: str) -> None:
        super().__init__(status, error, f"{code}: {message}")
        self._number = int(code.removeprefix("AADSTS"))

    def response(self) -> Response:
        body = {
            "error": self.code,
            "error_description": self.message,
            "error_codes": [self._number],
            "trace_id": str(uuid.uuid4()),
            "correlation_id": str(uuid.uuid4()),
        }
        return json_response(body, status=self.status)


class Login(Part):
    """Issues tokens to the service principal of an offline workspace."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._principal = ServicePrincipal.of(context.identity)
        self._access = context.access

    @answers("login.instance", "GET", "/common/discovery/instance", door=Door.OPEN)
    def _instance(self) -> dict[str, Any]:
        host = _HOST.removeprefix("https://")
        cloud = {"preferred_network": host, "preferred_cache": host, "aliases": [host]}
        endpoint = f"{_HOST}/{self._principal.tenant_id}{_CONFIGURATION}"
        document = {"tenant_discovery_endpoint": endpoint, "api-version": "1.1"}
        return {**document, "metadata": [cloud]}

    @answers("login.configuration", "GET", f"/<tenant>{_CONFIGURATION}", door=Door.OPEN)
    def _configuration(self, tenant: str) -> dict[str, Any]:
        # Also for an unknown tenant: MSAL shows the error of its next request.
        ways = f"{_HOST}/{tenant}/oauth2/v2.0"
        return {
            "issuer": f"{_HOST}/{tenant}/v2.0",
            # A browser does not use the proxy, and would open Microsoft's own page.
            "authorization_endpoint": f"{self._access.endpoint}/{_PAGE}",
            "token_endpoint": f"{ways}/token",
            "device_authorization_endpoint": f"{ways}/devicecode",
            "tenant_region_scope": None,
            "cloud_instance_name": "microsoftonline.com",
        }

    @answers("login.token", "POST", "/<tenant>/oauth2/v2.0/token", door=Door.OPEN)
    def _token(self, request: Request, tenant: str) -> Response:
        if request.form.get("grant_type") != "client_credentials":
            raise _LoginRefusalError(400, "unsupported_grant_type", _WRONG_GRANT, _NO_PEOPLE)
        form = request.form
        self._check(tenant, form.get("client_id", ""), form.get("client_secret", ""))
        token = {
            "token_type": "Bearer",
            "expires_in": _LIFETIME_S,
            "ext_expires_in": _LIFETIME_S,
            "access_token": self._access.token(lifetime_s=_LIFETIME_S),
        }
        return json_response(token, Cache_Control="no-store")

    @staticmethod
    @answers("login.device", "POST", "/<tenant>/oauth2/v2.0/devicecode", door=Door.OPEN)
    def _begin_with_person() -> dict[str, Any]:
        """Answer the SDK when it finds no service principal and starts interactive sign-in.

        It shows the whole document of an error response, but only the message of an error of the
        following token request.
        """
        code = {"device_code": "none", "user_code": "none", "verification_uri": _HOST}
        return {**code, "expires_in": 1, "interval": 1, "message": _NO_PEOPLE}

    @staticmethod
    @answers("login.page", "GET", f"/{_PAGE}", door=Door.OPEN)
    def _turn_away(request: Request) -> Response:
        """Answer with a page that shows a message and sends it to the waiting program.

        It is OAuth 2.0's response to a user without access (RFC 6749, section 4.1.2.1), so that the
        program continues, with an error that has the message as its text.
        """
        page = _HTML.format(sentence=escape(_NO_PEOPLE))
        place = urlsplit(request.args.get("redirect_uri", ""))
        if place.scheme == "http" and is_loopback(place.hostname or ""):
            page += _form(request)
        return Response(page, mimetype="text/html")

    def _check(self, tenant: str, client_id: str, client_secret: str) -> None:
        ours = self._principal
        if tenant != ours.tenant_id:
            message = f"Tenant '{tenant}' not found. {_AGAIN}"
            raise _LoginRefusalError(400, "invalid_tenant", _NO_TENANT, message)
        if client_id != ours.client_id:
            what = f"Application with identifier '{client_id}'"
            message = f"{what} was not found in the directory '{tenant}'. {_AGAIN}"
            raise _LoginRefusalError(400, "unauthorized_client", _NO_CLIENT, message)
        if not hmac.compare_digest(client_secret.encode(), ours.client_secret.encode()):
            message = f"Invalid client secret provided for the app '{client_id}'. {_AGAIN}"
            raise _LoginRefusalError(401, "invalid_client", _WRONG_SECRET, message)


def _form(request: Request) -> str:
    told = {
        "error": "access_denied",
        "error_description": _NO_PEOPLE,
        "state": request.args.get("state", ""),
    }
    fields = [
        f'<input type="hidden" name="{name}" value="{escape(value)}">'
        for name, value in told.items()
    ]
    posts = request.args.get("response_mode") == "form_post"
    return _FORM.format(
        method="post" if posts else "get",
        action=escape(request.args["redirect_uri"]),
        fields="\n".join(fields),
    )
