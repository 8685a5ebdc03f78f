"""Every address of the product. Patient pages carry ``<uuid:patient_id>``: the trail knows by it who was asked for."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
