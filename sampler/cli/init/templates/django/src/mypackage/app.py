"""An application of Django in one file: `/order/tea` orders tea."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path

from mypackage.metrics import order

MENU = ("coffee", "tea")

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1", "localhost", "testserver"],
        ROOT_URLCONF=__name__,
        SECRET_KEY=os.environ.get("SECRET_KEY", "for development only"),
    )


def place(request: HttpRequest, item: str) -> HttpResponse:
    """Place an order."""
    if item not in MENU:
        raise Http404
    return HttpResponse(order(item), content_type="text/plain")


urlpatterns = [path("order/<str:item>", place)]
app = get_wsgi_application()
