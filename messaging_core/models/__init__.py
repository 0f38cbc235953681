"""What the engine works with: frozen values without behaviour.

A module is imported when one of its names is first asked for: making all classes takes longer than
importing attrs and cattrs together (`benchmarks/import_time.py`).
"""

from typing import TYPE_CHECKING

from messaging_core.lazy_names import lazy_names

if TYPE_CHECKING:  # how type checkers see the names of the table
    from messaging_core.models.common.access_key import *
    from messaging_core.models.common.audit import *
    from messaging_core.models.common.channel import *
    from messaging_core.models.common.escalation import *
    from messaging_core.models.common.expiring_record import *
    from messaging_core.models.common.failure import *
    from messaging_core.models.common.identifier import *
    from messaging_core.models.common.page import *
    from messaging_core.models.common.platform_rules import *
    from messaging_core.models.common.rate import *
    from messaging_core.models.common.sender_pool import *
    from messaging_core.models.common.violation import *
    from messaging_core.models.content.action import *
    from messaging_core.models.content.body import *
    from messaging_core.models.content.meta import *
    from messaging_core.models.content.rendered_template import *
    from messaging_core.models.content.short_link import *
    from messaging_core.models.content.sms import *
    from messaging_core.models.content.template import *
    from messaging_core.models.content.template_project import *
    from messaging_core.models.delivery.campaign import *
    from messaging_core.models.delivery.capabilities import *
    from messaging_core.models.delivery.damage import *
    from messaging_core.models.delivery.delivery import *
    from messaging_core.models.delivery.doubts import *
    from messaging_core.models.delivery.event import *
    from messaging_core.models.delivery.evidence import *
    from messaging_core.models.delivery.health import *
    from messaging_core.models.delivery.interaction import *
    from messaging_core.models.delivery.outcome import *
    from messaging_core.models.delivery.receipt import *
    from messaging_core.models.delivery.rollups import *
    from messaging_core.models.delivery.telemetry import *
    from messaging_core.models.delivery.transport_check import *
    from messaging_core.models.delivery.webhook import *
    from messaging_core.models.delivery.worker_state import *
    from messaging_core.models.messages.batch import *
    from messaging_core.models.messages.compose import *
    from messaging_core.models.messages.counts import *
    from messaging_core.models.messages.envelope import *
    from messaging_core.models.messages.message import *
    from messaging_core.models.messages.notification import *
    from messaging_core.models.messages.query import *
    from messaging_core.models.messages.received_file import *
    from messaging_core.models.messages.request import *
    from messaging_core.models.messages.request_fields import *
    from messaging_core.models.messages.retention import *
    from messaging_core.models.messages.status import *
    from messaging_core.models.people.contact import *
    from messaging_core.models.people.directory import *
    from messaging_core.models.people.suppression import *
    from messaging_core.models.people.user import *
    from messaging_core.models.policy.plan import *
    from messaging_core.models.policy.reasons import *
    from messaging_core.models.policy.send_rules import *

_NAMES = {
    "common.access_key": "AccessKey",
    "common.audit": "AuditAction AuditEntry",
    "common.expiring_record": "ExpiringRecord RecordKind",
    "common.channel": "DEFAULT_WORKSPACE EMAIL PUSH SMS Channel MessageType WhenInDoubt",
    "common.failure": "Failure FailureCode FailureSource Retry",
    "common.identifier": "Identifier",
    "common.page": "DEFAULT_LIMIT MAX_LIMIT Page",
    "common.escalation": "Escalation",
    "common.platform_rules": "PlatformRules",
    "common.rate": "RateLog RateUse",
    "common.sender_pool": "SenderPool",
    "common.violation": "Violation",
    "content.action": (
        "Action ActionDescription ActionMetadata BuyAction LinkAction LocationRequestAction "
        "PostbackAction ReplyAction"
    ),
    "content.body": (
        "AppleMetadata Attachment AuthenticationBody Body Card CarouselBody Coordinates "
        "EmailFrom File FileBody FileMetadata GifBody GifMetadata HtmlBody HtmlMetadata Image "
        "ImageBody LineEmoji LineEmojis LineMetadata ListBody ListButton ListMetadata "
        "LocationBody MediaMetadata Otp Place ReplyMessage SectionBody TelegramMetadata "
        "TextBody TextMetadata WhatsAppMetadata"
    ),
    "content.meta": (
        "CampaignMeta EmailMeta Meta Order OrderedProduct Price PushNotificationsMeta "
        "Referral ReferralMetadata ReferredProduct StepMeta"
    ),
    "content.rendered_template": "ContentReport RenderedTemplate TemplateSource",
    "content.short_link": "LinkKind LinkSettings ShortLink",
    "content.sms": "ForcedCharacter SmsEncoding SmsText",
    "content.template": (
        "BooleanParameter CatalogProduct LineItem LineItemListParameter LineItems "
        "NumberParameter ObjectParameter Parameter ProductItem ProductItems "
        "ProductListParameter ProductSection ProductSections ProductSectionsParameter "
        "ReplyRow RowSection RowSections SectionListParameter ShippingMethod "
        "ShippingMethodListParameter ShippingMethods StringParameter TemplateReference "
        "TemplateSettings TemplateShortLinks Timeslot TimeslotListParameter Timeslots "
        "UtmParameter WhatsAppProductItem WhatsAppProductItems WhatsAppProductItemsParameter "
        "WhatsAppProductSection WhatsAppProductSections WhatsAppProductSectionsParameter"
    ),
    "content.template_project": (
        "Form Missing PlatformContent TemplateContent TemplateProject TemplateStatus "
        "TemplateVariable TemplateVersion VariableType"
    ),
    "delivery.campaign": "Campaign",
    "delivery.capabilities": "Capabilities ContentCheck",
    "delivery.delivery": (
        "Claim Controls Delivery IdempotencyKey Lane Lease NewMessage OutcomeKind Resolution "
        "Settlement Withdrawal"
    ),
    "delivery.damage": "DamagedRows",
    "delivery.doubts": "Doubts",
    "delivery.event": "Event EventKind",
    "delivery.evidence": "Evidence HandOver Reported",
    "delivery.health": "Backlog DiskSpace Health HealthProblem SubscriberLag",
    "delivery.interaction": (
        "ClickedLink Conversion Interaction InteractionContext InteractionMetadata "
        "InteractionType PressedButton Reaction"
    ),
    "delivery.outcome": "Accepted Deferred Outcome PerRecipient Rejected SingleOutcome Unknown",
    "delivery.receipt": (
        "IncomingMessage IncomingPart InteractionReceipt KeptReceipt Receipt ReceiptState "
        "ReceiptStatus Reception StatusReceipt"
    ),
    "delivery.rollups": (
        "CountableEvent Rollup RollupAmount RollupBy RollupKey RollupOutcome RollupQuery Rollups "
        "Tag UncountedEvents"
    ),
    "delivery.telemetry": "Operation OperationKind OperationResult StatusCount",
    "delivery.transport_check": "CheckStatus TransportCheck",
    "delivery.webhook": (
        "EventFilter MessageWebhook NewWebhookSubscription WebhookClaim WebhookDelivery "
        "WebhookReceiver WebhookScheme WebhookStatus WebhookSubscription"
    ),
    "delivery.worker_state": (
        "ChannelState CircuitPhase CircuitState ProviderState RouteState WorkerState"
    ),
    "messages.batch": "Batch",
    "messages.compose": "attach html text to",
    "messages.counts": "Count CountBy Counts",
    "messages.envelope": (
        "Address Content EmailContent Envelope MediaItem MmsContent NativeContent PushContent "
        "Recipient SmsContent"
    ),
    "messages.message": "Message Origin Part",
    "messages.notification": (
        "MessageIds Notification NotificationFailure NotificationReport NotificationSkip"
    ),
    "messages.query": "MessageQuery",
    "messages.received_file": "FileClaim FileState NewFile ReceivedFile",
    "messages.request": "NotificationHook ReplyTo SendMessage ShortLinks",
    "messages.request_fields": "Addressee RequestFields",
    "messages.retention": "Keep Purged",
    "messages.status": "Direction Status",
    "people.contact": (
        "Annotations Connector Contact ContactIdentifier MessageContact MessageReceiver "
        "MessageSender Receiver ReceiverContact ReceiverType Sender SenderAnnotations "
        "SenderConnector"
    ),
    "people.directory": (
        "ContactChanges ContactList ContactListQuery ContactQuery NewContact Strategy "
        "SuppressionQuery"
    ),
    "people.suppression": "Suppression SuppressionCause SuppressionScope",
    "people.user": "Unresolved User UserFields",
    "policy.plan": "Plan Reason Rejection Verdict",
    "policy.reasons": "ReasonCode",
    "policy.send_rules": (
        "Course FrequencyCap Holdout Purpose QuietAction QuietHours QuietWindow ReceiverFacts "
        "Ruling SendRules Weekday"
    ),
}

_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}

# Constants first, then classes, then functions, as ruff sorts.
__all__ = sorted(  # noqa: PLE0605 - it is a list
    _HOMES, key=lambda name: (not name.isupper(), name[0].islower(), name)
)

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
