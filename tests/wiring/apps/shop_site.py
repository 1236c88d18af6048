"""A Django project with an application `shop` of its own: each request counts one thing."""

import os
import sys

from counted import count
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse
from django.urls import path

settings.configure(
    DEBUG=True,
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["shop.apps.ShopConfig"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="none",
    USE_TZ=True,
)


def index(request):
    count()
    return HttpResponse(str(os.getpid()))


urlpatterns = [path("", index)]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
