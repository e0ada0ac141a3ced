"""The HTTP API. Chalice and Lambda both load it as ``app.app``."""

from app.api import Api

app = Api(app_name="linkage")
