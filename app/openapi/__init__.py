"""The OpenAPI document, made of the app's routes and of its models of request and response bodies."""

from app.openapi.document import build_document
from app.openapi.page import render_page

__all__ = ["build_document", "render_page"]
