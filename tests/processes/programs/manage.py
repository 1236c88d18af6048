"""The command of a Django project."""

import os
import sys

from django.core.management import execute_from_command_line

os.environ["DJANGO_SETTINGS_MODULE"] = "django_settings"
execute_from_command_line(sys.argv)
