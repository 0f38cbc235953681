"""Take orders, and tell the customers."""

from django.db import IntegrityError, transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from messaging_adapters.django import messenger
from messaging_core.errors import InvalidRequestError
from orders.models import Order


@csrf_exempt
@require_POST
def place_order(request: HttpRequest) -> JsonResponse:
    """Keep an order and its message together, or neither."""
    number, phone = int(request.POST["number"]), request.POST["phone"]
    try:
        with transaction.atomic():
            message = messenger.send("orders", to=phone, text=f"Order {number} received")
            Order.objects.create(number=number, phone=phone)
    except IntegrityError:
        return JsonResponse({"error": "this number is taken"}, status=409)
    except InvalidRequestError as error:
        return JsonResponse({"error": str(error)}, status=422)
    return JsonResponse({"message": str(message.id)}, status=201)
