"""Starts a team's MLflow server: runs and users in PostgreSQL, artifacts in S3, behind passwords.

Everything is in the environment, so that no password is in a command line. `compose.yaml` sets
it; so may you, on machines without Docker (docs/team.md).
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from sqlalchemy import URL

NEEDED = (
    "POSTGRES_PASSWORD",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "MLFLOW_AUTH_ADMIN_PASSWORD",
    "MLFLOW_FLASK_SERVER_SECRET_KEY",
)
PERMISSION = "READ"
"""What a user may do with the experiments of others, unless they say otherwise."""

REMEMBERED_SECONDS = 60
"""How long a password that was right is not hashed again, which takes longer than most calls; and
so how long an old one may still do, where several processes serve.
"""


def database() -> str:
    """Return the address of the database, with whatever signs the password has."""
    return URL.create(
        "postgresql+psycopg",
        os.environ.get("POSTGRES_USER", "mlflow"),
        os.environ["POSTGRES_PASSWORD"],
        os.environ.get("POSTGRES_HOST", "127.0.0.1"),
        int(os.environ.get("POSTGRES_PORT", "5432")),
        os.environ.get("POSTGRES_DB", "mlflow"),
    ).render_as_string(hide_password=False)


def make_bucket(name: str) -> None:
    """Make the bucket of artifacts, unless it is there."""
    patient = Config(retries={"total_max_attempts": 10, "mode": "standard"})
    # An address of its own or, without one, Amazon's.
    endpoint = os.environ.get("MLFLOW_S3_ENDPOINT_URL")
    client = boto3.client("s3", endpoint_url=endpoint, config=patient)
    try:
        client.create_bucket(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
            raise


def auth_settings(folder: Path, uri: str) -> Path:
    """Write what MLflow reads of its users, for the eyes of this user alone."""
    path = folder / "basic_auth.ini"
    escaped = uri.replace("%", "%%")  # as a file of configparser has it
    path.touch(mode=0o600)
    path.write_text(
        f"[mlflow]\ndefault_permission = {PERMISSION}\ndatabase_uri = {escaped}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        f"auth_cache_ttl_seconds = {REMEMBERED_SECONDS}\n"
    )
    return path


def main() -> None:
    """Become the server."""
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        sys.exit(f"set {', '.join(missing)}: there are no default passwords")
    uri, bucket = database(), os.environ.get("MLFLOW_BUCKET", "mlflow")
    make_bucket(bucket)
    os.environ.update(
        MLFLOW_BACKEND_STORE_URI=uri,
        MLFLOW_ARTIFACTS_DESTINATION=f"s3://{bucket}",
        MLFLOW_SERVE_ARTIFACTS="true",  # workers and readers need no key of S3's
        MLFLOW_AUTH_ADMIN_USERNAME=os.environ.get("MLFLOW_AUTH_ADMIN_USERNAME", "admin"),
        MLFLOW_AUTH_CONFIG_PATH=str(auth_settings(Path(tempfile.mkdtemp()), uri)),
    )
    command = [sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth", *sys.argv[1:]]
    os.execv(command[0], command)  # it has signals sent to it then


if __name__ == "__main__":
    main()
