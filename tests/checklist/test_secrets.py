"""Secrets in text: every place that a URI has for one is masked, and all else stays."""

from __future__ import annotations

import itertools

import pytest

from darkmagic.checklist.secrets import mask_nested, mask_secrets

SECRET = "s3cr3t"
URIS = [
    "http://{}@host/x",
    "http://me:{}@host/x",
    "https://{}:x-oauth-basic@host",
    "https://{}:@host:5000",
    "postgresql://me:{}@host/db",
    "postgresql+psycopg://me:{}@[::1]:5432/db?sslmode=require",
    "mysql+pymysql://me:p@ss/{}#1@host/db",
    "mssql+pyodbc://:{}@host/db",
    "postgresql://host/db?user=me&password={}",
    "postgresql://host/db?sslpassword={}&x=1",
    "http://host/api?access_token={}#top",
    "http://host/api?x=1&api-key={}",
    "s3://host/x?X-Amz-Signature={}",
    "DATABRICKS://token:{}@host",
    "oracle+cx_oracle://me:{}@host/db",
    "oracle+cx_oracle://{}0123456789abcdef@host/db",
    "postgresql://me@corp:{}@host:5432/db",
    "postgresql://me@corp:p@ss/{}@host/db",
    "mssql+pyodbc:///?odbc_connect=DRIVER%3D%7BODBC%7D%3BUID%3Dme%3BPWD%3D{}",
    "mssql+pyodbc:///?odbc_connect=DRIVER={{ODBC}};UID=me;PWD={};Encrypt=yes",
    "http://host/api?user[password]={}",
]


@pytest.mark.parametrize("uri", URIS)
@pytest.mark.parametrize("around", ["{}", "no store at {} today", "runtime.tracking_uri='{}'"])
def test_secret_of_a_uri_is_masked_wherever_it_stands(uri: str, around: str) -> None:
    """No secret is left in any place of a URI, alone, in a sentence or in an override."""
    text = around.format(uri.format(SECRET))
    masked = mask_secrets(text)
    assert SECRET not in masked
    assert "***" in masked
    assert mask_secrets(masked) == masked
    assert mask_nested([{"a": (text, 1)}]) == [{"a": [masked, 1]}]


SCHEMES = [
    *("http", "https", "postgresql", "postgresql+psycopg", "mysql+pymysql", "mssql+pyodbc"),
    *("oracle+cx_oracle", "mariadb", "databricks", "redis", "mongodb+srv", "ftp", "s3", "HTTPS"),
]
USERS = ["me", "", "me.too", "me_2", "me@corp", "me@corp.example.org", "ü", "a%40b", "me-3"]
PASSWORDS = [
    "{}",
    "{}:x",
    "x:{}",
    "p@{}",
    "{}@p",
    "{}/x",
    "/{}",
    "#{}",
    "{}?x",
    "ü{}",
    "%20{}",
    "[{}]",
]
SENTENCES = [
    *("{}", "no store at {} today", "'{}'", '"{}"', "x={}", "({})", "at {}: refused", "{}, {}"),
]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_password_is_masked_of_each_scheme_user_and_kind(scheme: str) -> None:
    """In each kind of sentence; and what is masked stays as it is."""
    for user, password, sentence in itertools.product(USERS, PASSWORDS, SENTENCES):
        uri = f"{scheme}://{user}:{password.format(SECRET)}@host:5432/db"
        masked = mask_secrets(sentence.format(uri, uri))
        assert SECRET not in masked, (uri, sentence)
        assert "host:5432/db" in masked
        assert mask_secrets(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:////home/me/runs/mlflow.db",
        "http://127.0.0.1:5000",
        "postgresql://me@host/db",
        "postgresql://me@host:5432/db?connect_timeout=10",
        "oracle+cx_oracle://me@host:1521/?service_name=x",
        "a password=x that is in no URI, mail me@example.org",
        "https://host/path?page=2",
        "",
    ],
)
def test_text_without_a_secret_stays(text: str) -> None:
    """What has no secret is left as it is, a plain name of a database's user too."""
    assert mask_secrets(text) == text
