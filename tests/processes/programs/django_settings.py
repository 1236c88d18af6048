"""A Django project that has an application and nothing else."""

DEBUG = True
SECRET_KEY = "of nothing"
ROOT_URLCONF = __name__
WSGI_APPLICATION = "wsgi_app.application"
urlpatterns = ()
