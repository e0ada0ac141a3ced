"""The OpenAPI document, made of what the app is made of: its routes, and the models of bodies and answers."""

from app.openapi.document import build_document
from app.openapi.page import render_page

__all__ = ["build_document", "render_page"]
