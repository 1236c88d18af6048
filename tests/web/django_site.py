"""A Django project in one file, asked over WSGI or ASGI: `python django_site.py wsgi`."""

import sys
from io import BytesIO

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpResponse
from django.urls import include, path

from tests.web.rig import aask, asgi, ask, numbers, wsgi

settings.configure(
    ALLOWED_HOSTS=["*"],
    DEBUG=False,
    LOGGING_CONFIG=None,
    ROOT_URLCONF=__name__,
    SECRET_KEY="none",
    USE_TZ=True,
)


def order(request, number):
    return HttpResponse(str(number))


def file(request, name):
    return FileResponse(BytesIO(b"file"))


def broken(request):
    raise ZeroDivisionError


def main(kind):
    if kind == "wsgi":
        wrapped, registry = wsgi(get_wsgi_application())
        answers = [ask(wrapped, path=each) for each in PATHS]
    else:
        wrapped, registry = asgi(get_asgi_application())
        answers = [aask(wrapped, path=each) for each in PATHS]
    assert [each.status[:3] for each in answers] == ["200"] * 4 + ["404", "500"], answers
    seen = numbers(registry)
    assert answers[3].body == b"file"
    for key in sorted(seen):
        if key.startswith("requests "):
            print(key.removeprefix("requests "), seen[key])


urlpatterns = [
    path("orders/<int:number>/", order),
    path("shop/", include([path("files/<path:name>", file), path("broken", broken)])),
]
PATHS = ("/orders/1/", "/orders/2/", "/orders/3/", "/shop/files/a/b", "/none", "/shop/broken")

if __name__ == "__main__":
    main(sys.argv[1])
