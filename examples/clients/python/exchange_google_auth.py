"""Exchanges a token with google-auth. GOOGLE_APPLICATION_CREDENTIALS names the external_account file."""

import google.auth
import google.auth.transport.requests

credentials, _project = google.auth.default(scopes=["deploy"])
credentials.refresh(google.auth.transport.requests.Request())
print(credentials.token)
