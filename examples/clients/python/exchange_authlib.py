"""Exchanges the token in $SUBJECT_TOKEN_FILE with Authlib, and verifies what is issued with joserfc."""

import os
from pathlib import Path

from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from joserfc import jwt
from joserfc.jwk import KeySet

issuer = os.environ["ISSUER"]
audience = "https://deploy.example.com"

session = OAuth2Session(client_id="payments/deployer", token_endpoint_auth_method="none")
metadata = AuthorizationServerMetadata(session.request("GET", get_well_known_url(issuer, external=True), withhold_token=True).json())
metadata.validate()

response = session.fetch_token(
    metadata["token_endpoint"],
    grant_type="urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token=Path(os.environ["SUBJECT_TOKEN_FILE"]).read_text().strip(),
    subject_token_type="urn:ietf:params:oauth:token-type:jwt",
    audience=audience,
    scope="deploy",
)

# What the service does that gets the token.
keys = KeySet.import_key_set(session.request("GET", metadata["jwks_uri"], withhold_token=True).json())
token = jwt.decode(response["access_token"], keys, algorithms=["ES256", "RS256"])
assert token.header["typ"] == "at+jwt"
jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": issuer},
    aud={"essential": True, "value": audience},
    exp={"essential": True},
).validate(token.claims)
print(response["access_token"])
