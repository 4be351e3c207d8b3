"""Every URL. Routing, keys and scopes, body limits, the reference and the tests all derive from this table."""
# ruff: noqa: E501 - a table is read by its columns
# fmt: off

from typing import Final

from aiohttp import web

from gateway.api import (
    apps,
    batches,
    clicks,
    consents,
    coupons,
    credentials,
    documents,
    estimate,
    events,
    explain,
    fences,
    inbox,
    keys,
    lanes,
    lists,
    message_previews,
    message_reports,
    messages,
    offers,
    opt_ins,
    preference_page,
    preferences,
    progress,
    prompt_preview,
    prompts,
    recalls,
    receipts,
    sdk,
    segments,
    subscriptions,
    system,
    templates,
    topics,
    transfers,
    users,
    visitors,
)
from gateway.api.gate import Gate
from gateway.api.middleware import endpoint, expectation
from gateway.api.route import (
    ADMIN,
    DEVICE_CHANGE,
    DEVICE_READ,
    ENROL,
    MANAGE,
    OPEN,
    PUBLIC,
    READ,
    SEND,
    TRACK,
    Query,
    Route,
)
from gateway.api.schema import apps as a
from gateway.api.schema import consents as co
from gateway.api.schema import coupons as c
from gateway.api.schema import estimate as t
from gateway.api.schema import explain as x
from gateway.api.schema import inbox as ib
from gateway.api.schema import lanes as n
from gateway.api.schema import lists as li
from gateway.api.schema import messages as m
from gateway.api.schema import offers as f
from gateway.api.schema import opt_ins as o
from gateway.api.schema import places as pl
from gateway.api.schema import preferences as pf
from gateway.api.schema import prompts as pr
from gateway.api.schema import recalls as rc
from gateway.api.schema import receipts as r
from gateway.api.schema import segments as sg
from gateway.api.schema import subscriptions as s
from gateway.api.schema import templates as p
from gateway.api.schema import users as u
from gateway.api.schema.sdk import SdkConfig
from gateway.api.schema.system import Alive, Ready, Version
from gateway.api.services import Services
from gateway.api.unmatched import add_unmatched
from gateway.model.limits import BULK_BODY_BYTES_MAX as BULK
from gateway.model.limits import PUBLIC_BODY_BYTES_MAX as SMALL
from gateway.model.limits import SEND_BODY_BYTES_MAX as LARGE
from gateway.subscribers.imports import ImportReport
from gateway.subscribers.lists import ListImportReport
from gateway.subscribers.request import Location

APP: Final = Query("app", "The app, where the key is the installation's.")
PAGE: Final = (APP, Query("limit", "Rows of the page, 1 to 100.", "integer"), Query("after", "`next` of the page before."))
DRY: Final = Query("dry_run", "true: answer who would get it and when, and send nothing.", "boolean")
FORCE: Final = Query("force", "true: although devices need it. They are lost.", "boolean")
STATE: Final = Query("state", "Only those in this state.")
SERIES: Final = Query("series", "Only the messages that this one made, as its schedule recurs.")
USER: Final = Query("user", "Only this user's.")
TOPIC: Final = Query("topic", "Only those that follow this topic.")
CHANNEL: Final = Query("channel", "Only those of this channel.")
SUBSCRIPTION: Final = Query("subscription", "Only this device: why did it (not) get the message?")
COUNT: Final = Query("count", "true: also how many are in it.", "boolean")
EXACT: Final = Query("exact", "true: count everybody rather than a sample.", "boolean")
MODE: Final = Query("mode", "add (what happens where it is left out), remove, or replace: the list is then who the lines name.")
SPOKEN: Final = Query("language", "Read in this language, where the message has it.")
READER: Final = Query("user", "Whose words: this user's.")
READER_DEVICE: Final = Query("subscription", "Whose words: this device's. Without either, somebody's of whom nothing is known.")
VISITOR: Final = Query("language", "The visitor's, such as `nl-BE`: prompts then say what they say in one language.")
DAYS: Final = Query("days", "Of so many days, today included: 1 to 400, 30 where left out.", "integer")
PROMPT: Final = Query("prompt", "Only this prompt.")
VARIANT: Final = Query("variant", "Only this variant.")
WORDS: Final = Query("language", "In which language `texts` are wanted.")
WHICH: Final = Query("app", "The app.", is_needed=True)

ROUTES: Final[tuple[Route, ...]] = (
    Route("POST",   "/v1/messages",                       messages.send,       SEND,   "Messages", "Send a message", LARGE, m.SendRequest, m.Accepted, 202, "claim", (DRY,)),
    Route("POST",   "/v1/messages/batch",                 batches.send_batch,  SEND,   "Messages", "Send up to 1,000 messages to named people", BULK, m.BatchRequest, m.BatchAnswer, 202, "plain", (APP,)),
    Route("POST",   "/v1/messages/preview",               message_previews.show, READ, "Messages", "Read a message as one person would, on each of their devices and every other platform", LARGE, m.SendRequest, m.SpokenPage, query=(APP, READER, READER_DEVICE)),
    Route("GET",    "/v1/messages",                       message_reports.page, READ,  "Messages", "List messages", 0, None, m.MessagePage, query=(*PAGE, STATE, SERIES)),
    Route("GET",    "/v1/messages/{id}",                  message_reports.show, READ,  "Messages", "Show a message and what became of it", 0, None, m.MessageAnswer, query=(APP,)),
    Route("GET",    "/v1/messages/{id}/progress",         progress.progress,   READ,   "Messages", "Follow a message while it runs", 0, None, m.MessageAnswer, query=(APP,), media="text/event-stream"),
    Route("GET",    "/v1/messages/{id}/recipients",       message_reports.recipients, READ, "Messages", "What became of whom", 0, None, m.RecipientPage, query=(*PAGE, USER, SUBSCRIPTION)),
    Route("PATCH",  "/v1/messages/{id}",                  messages.alter,      SEND,   "Messages", "Change what has not gone out", SMALL, m.MessageChange, m.MessageAnswer, query=(APP,)),
    Route("POST",   "/v1/messages/{id}/approve",          messages.approve,    SEND,   "Messages", "Approve a message to many", SMALL, m.ApproveRequest, m.MessageAnswer, query=(APP,)),
    Route("POST",   "/v1/messages/{id}/cancel",           messages.cancel,     SEND,   "Messages", "Cancel what has not gone out", SMALL, None, m.MessageState, query=(APP,)),
    Route("POST",   "/v1/messages/{id}/pause",            messages.pause,      SEND,   "Messages", "Pause", SMALL, None, m.MessageState, query=(APP,)),
    Route("POST",   "/v1/messages/{id}/resume",           messages.resume,     SEND,   "Messages", "Go on", SMALL, None, m.MessageState, query=(APP,)),
    Route("POST",   "/v1/messages/{id}/recall",           recalls.take_back,   SEND,   "Messages", "Take back a message that was sent wrongly", LARGE, rc.RecallRequest, rc.RecallAnswer, 202, "plain", (APP,)),
    Route("POST",   "/v1/messages/{id}/winner",           offers.choose,       SEND,   "Messages", "Choose the variant that the others get", SMALL, f.WinnerRequest, f.WinnerAnswer, query=(APP,)),

    Route("POST",   "/v1/subscriptions",                  subscriptions.enrol, ENROL,         "Subscriptions", "Enrol a device", SMALL, s.SubscribeRequest, s.Subscribed, 201),
    Route("GET",    "/v1/subscriptions",                  subscriptions.page,  READ,          "Subscriptions", "List devices", 0, None, s.SubscriptionPage, query=(*PAGE, STATE, USER, TOPIC, CHANNEL)),
    Route("GET",    "/v1/subscriptions/{id}",             subscriptions.show,  DEVICE_READ,   "Subscriptions", "Show a device", 0, None, s.SubscriptionAnswer, query=(APP,)),
    Route("PATCH",  "/v1/subscriptions/{id}",             subscriptions.change, DEVICE_CHANGE, "Subscriptions", "Change a device", SMALL, s.SubscriptionChange, s.SubscriptionAnswer, query=(APP,)),
    Route("DELETE", "/v1/subscriptions/{id}",             subscriptions.leave, DEVICE_CHANGE, "Subscriptions", "Leave", SMALL, None, None, 204, query=(APP,)),
    Route("POST",   "/v1/subscriptions/{id}/identity",    subscriptions.login, DEVICE_CHANGE, "Subscriptions", "Log in", SMALL, s.IdentityRequest, s.IdentityAnswer, query=(APP,)),
    Route("POST",   "/v1/subscriptions/{id}/location",    fences.locate,       DEVICE_CHANGE, "Subscriptions", "Say where the device is, for geofences", SMALL, Location, pl.LocationAnswer, query=(APP,)),
    Route("GET",    "/v1/subscriptions/{id}/preferences", preferences.show,    DEVICE_READ,   "Subscriptions", "What a device is sent, as whoever holds it chose", 0, None, pf.PreferencesAnswer, query=(APP, WORDS)),
    Route("PATCH",  "/v1/subscriptions/{id}/preferences", preferences.change,  DEVICE_CHANGE, "Subscriptions", "Choose what a device is sent", SMALL, pf.PreferencesChange, pf.PreferencesAnswer, query=(APP, WORDS)),
    Route("GET",    "/v1/subscriptions/{id}/consents",    consents.of_device,  DEVICE_READ,   "Subscriptions", "What was agreed to on a device, and taken back", 0, None, co.ConsentsAnswer, query=(APP,)),
    Route("DELETE", "/v1/subscriptions/{id}/identity",    subscriptions.logout, DEVICE_CHANGE, "Subscriptions", "Log out", SMALL, None, None, 204, query=(APP,)),

    Route("GET",    "/v1/subscriptions/{id}/inbox",       inbox.of_device,     DEVICE_READ,   "Inbox", "Read the inbox of a device", 0, None, ib.InboxPage, query=(*PAGE, SPOKEN)),
    Route("POST",   "/v1/subscriptions/{id}/inbox/read",  inbox.mark_of_device, DEVICE_CHANGE, "Inbox", "Mark messages of a device as read", SMALL, ib.ReadRequest, None, 204, query=(APP,)),
    Route("POST",   "/v1/visitors",                       visitors.create,     PUBLIC,        "Inbox", "Become a visitor: an inbox without a push address", SMALL, ib.VisitorsRequest, ib.VisitorMade, 201),
    Route("DELETE", "/v1/visitors/{id}",                  visitors.leave,      DEVICE_CHANGE, "Inbox", "Forget a visitor", SMALL, None, None, 204, query=(APP,)),
    Route("POST",   "/v1/visitors/{id}/identity",         visitors.login,      DEVICE_CHANGE, "Inbox", "Log a visitor in", SMALL, s.IdentityRequest, s.IdentityAnswer, query=(APP,)),
    Route("DELETE", "/v1/visitors/{id}/identity",         visitors.logout,     DEVICE_CHANGE, "Inbox", "Log a visitor out", SMALL, None, None, 204, query=(APP,)),
    Route("GET",    "/v1/visitors/{id}/inbox",            inbox.of_visitor,    DEVICE_READ,   "Inbox", "Read the inbox of a visitor", 0, None, ib.InboxPage, query=(*PAGE, SPOKEN)),
    Route("POST",   "/v1/visitors/{id}/inbox/read",       inbox.mark_of_visitor, DEVICE_CHANGE, "Inbox", "Mark messages of a visitor as read", SMALL, ib.ReadRequest, None, 204, query=(APP,)),

    Route("POST",   "/v1/subscriptions/import",           transfers.load,      MANAGE, "Subscriptions", "Bring devices, one JSON object a line", 0, None, ImportReport, query=(APP,), reads="application/x-ndjson"),
    Route("GET",    "/v1/subscriptions/export",           transfers.export,    MANAGE, "Subscriptions", "Take all devices, one JSON object a line", 0, None, None, query=(APP,), media="application/x-ndjson"),

    Route("GET",    "/v1/users",                          users.page,          READ,   "Users", "List users", 0, None, u.UserPage, query=PAGE),
    Route("POST",   "/v1/users/bulk",                     users.bulk,          MANAGE, "Users", "Make or change up to 1,000 users", BULK, u.BulkRequest, u.BulkAnswer, 200, "plain", (APP,)),
    Route("POST",   "/v1/users/import",                   transfers.load_users, MANAGE, "Users", "Bring users, one JSON object a line", 0, None, ImportReport, query=(APP,), reads="application/x-ndjson"),
    Route("GET",    "/v1/users/export",                   transfers.export_users, MANAGE, "Users", "Take all users, one JSON object a line", 0, None, None, query=(APP,), media="application/x-ndjson"),
    Route("PUT",    "/v1/users/{external_id}",            users.put,           MANAGE, "Users", "Make or replace a user", LARGE, u.UserRequest, u.UserAnswer, query=(APP,)),
    Route("PATCH",  "/v1/users/{external_id}",            users.change,        MANAGE, "Users", "Change a user", LARGE, u.UserRequest, u.UserAnswer, query=(APP,)),
    Route("GET",    "/v1/users/{external_id}",            users.show,          READ,   "Users", "Show a user", 0, None, u.UserAnswer, query=(APP,)),
    Route("DELETE", "/v1/users/{external_id}",            users.erase,         MANAGE, "Users", "Erase a user and their devices", SMALL, None, None, 204, query=(APP,)),
    Route("GET",    "/v1/users/{external_id}/export",     users.export_one,    MANAGE, "Users", "Everything that is held on a user", 0, None, u.DossierAnswer, query=(APP,)),
    Route("GET",    "/v1/users/{external_id}/consents",   consents.of_user,    READ,   "Users", "What a user agreed to, and took back", 0, None, co.ConsentPage, query=(APP,)),
    Route("GET",    "/v1/consents/export",                consents.export,     MANAGE, "Users", "Take the whole ledger of consents, one JSON object a line", 0, None, None, query=(APP,), media="application/x-ndjson"),
    Route("POST",   "/v1/users/{external_id}/aliases",    users.add_alias,     MANAGE, "Users", "Give a user another name", SMALL, u.AliasRequest, u.UserAnswer, 200, "plain", (APP,)),
    Route("POST",   "/v1/events",                         events.take,         TRACK,  "Events", "Tell what users did", BULK, (u.EventsRequest, u.DeviceEventsRequest), u.EventsAnswer, 202, "plain", (APP,)),

    Route("GET",    "/v1/topics",                         topics.page,         READ,   "Topics", "List topics", 0, None, a.TopicPage, query=(APP,)),
    Route("POST",   "/v1/topics",                         topics.create,       MANAGE, "Topics", "Make a topic", SMALL, a.TopicRequest, a.TopicAnswer, 201, "plain"),
    Route("DELETE", "/v1/topics/{slug}",                  topics.delete,       MANAGE, "Topics", "Delete a topic", SMALL, None, None, 204, query=(APP,)),

    Route("GET",    "/v1/segments",                       segments.page,       READ,   "Segments", "List segments", 0, None, sg.SegmentPage, query=(*PAGE, COUNT)),
    Route("POST",   "/v1/segments",                       segments.create,     MANAGE, "Segments", "Save an audience", SMALL, sg.SegmentRequest, sg.SegmentAnswer, 201, "plain", (COUNT,)),
    Route("GET",    "/v1/segments/{slug}",                segments.show,       READ,   "Segments", "Show a segment", 0, None, sg.SegmentAnswer, query=(APP, COUNT, EXACT)),
    Route("PATCH",  "/v1/segments/{slug}",                segments.change,     MANAGE, "Segments", "Change a segment", SMALL, sg.SegmentChange, sg.SegmentAnswer, query=(APP, COUNT)),
    Route("DELETE", "/v1/segments/{slug}",                segments.delete,     MANAGE, "Segments", "Delete a segment", SMALL, None, None, 204, query=(APP,)),
    Route("POST",   "/v1/audience/estimate",              estimate.audience,   READ,   "Segments", "How many are in an audience?", LARGE, t.EstimateRequest, t.EstimateAnswer, query=(APP, EXACT)),
    Route("POST",   "/v1/audience/explain",               explain.audience,    READ,   "Segments", "Why is somebody in an audience, or not?", LARGE, x.ExplainRequest, x.ExplainAnswer, query=(APP,)),

    Route("GET",    "/v1/lists",                          lists.page,          READ,   "Lists", "List lists", 0, None, li.ListPage, query=(APP,)),
    Route("POST",   "/v1/lists",                          lists.create,        MANAGE, "Lists", "Make a list", SMALL, li.ListRequest, li.ListAnswer, 201, "plain"),
    Route("GET",    "/v1/lists/{slug}",                   lists.show,          READ,   "Lists", "Show a list", 0, None, li.ListAnswer, query=(APP, COUNT)),
    Route("DELETE", "/v1/lists/{slug}",                   lists.delete,        MANAGE, "Lists", "Delete a list", SMALL, None, None, 204, query=(APP,)),
    Route("POST",   "/v1/lists/{slug}/import",            lists.load,          MANAGE, "Lists", "Say who is on a list, one id a line", 0, None, ListImportReport, query=(APP, MODE), reads="text/csv"),

    Route("GET",    "/v1/templates",                      templates.page,      READ,   "Templates", "List templates", 0, None, p.TemplatePage, query=PAGE),
    Route("POST",   "/v1/templates",                      templates.create,    MANAGE, "Templates", "Make a template", SMALL, p.TemplateRequest, p.TemplateAnswer, 201, "plain"),
    Route("GET",    "/v1/templates/{id}",                 templates.show,      READ,   "Templates", "Show a template", 0, None, p.TemplateAnswer, query=(APP,)),
    Route("PATCH",  "/v1/templates/{id}",                 templates.change,    MANAGE, "Templates", "Change a template", SMALL, p.TemplateChange, p.TemplateAnswer, query=(APP,)),
    Route("DELETE", "/v1/templates/{id}",                 templates.delete,    MANAGE, "Templates", "Delete a template", SMALL, None, None, 204, query=(APP,)),

    Route("GET",    "/v1/coupons",                        coupons.page,        READ,   "Coupons", "List pools of codes", 0, None, c.PoolPage, query=(APP,)),
    Route("POST",   "/v1/coupons",                        coupons.create,      MANAGE, "Coupons", "Make a pool", SMALL, c.PoolRequest, c.PoolAnswer, 201, "plain"),
    Route("GET",    "/v1/coupons/{pool}",                 coupons.show,        READ,   "Coupons", "Show a pool and what became of its codes", 0, None, c.PoolReportAnswer, query=(APP,)),
    Route("PATCH",  "/v1/coupons/{pool}",                 coupons.change,      MANAGE, "Coupons", "Change a pool", SMALL, c.PoolChange, c.PoolAnswer, query=(APP,)),
    Route("DELETE", "/v1/coupons/{pool}",                 coupons.delete,      MANAGE, "Coupons", "Delete a pool and its codes", SMALL, None, None, 204, query=(APP,)),
    Route("POST",   "/v1/coupons/{pool}/codes",           coupons.load,        MANAGE, "Coupons", "Bring codes, one a line", 0, None, c.StockAnswer, query=(APP,), reads="text/plain"),
    Route("POST",   "/v1/coupons/{pool}/generate",        coupons.generate,    MANAGE, "Coupons", "Make codes by a pattern", SMALL, c.GenerateRequest, c.StockAnswer, 201, "plain", (APP,)),
    Route("POST",   "/v1/coupons/{pool}/redeem",          coupons.use,         SEND,   "Coupons", "Mark a code as used", SMALL, c.RedeemRequest, c.RedeemAnswer, 200, "plain", (APP,)),

    Route("GET",    "/v1/geofences",                      fences.page,         READ,   "Geofences", "List geofences", 0, None, pl.FencePage, query=(APP,)),
    Route("POST",   "/v1/geofences",                      fences.create,       MANAGE, "Geofences", "Make a geofence", SMALL, pl.FenceRequest, pl.FenceAnswer, 201, "plain"),
    Route("DELETE", "/v1/geofences/{slug}",               fences.delete,       MANAGE, "Geofences", "Delete a geofence", SMALL, None, None, 204, query=(APP,)),

    Route("GET",    "/v1/prompts",                        prompts.page,        READ,   "Prompts", "List prompts", 0, None, pr.PromptPage, query=(APP,)),
    Route("POST",   "/v1/prompts",                        prompts.create,      MANAGE, "Prompts", "Make a prompt", SMALL, pr.PromptRequest, pr.PromptAnswer, 201, "plain"),
    Route("GET",    "/v1/prompts/{slug}",                 prompts.show,        READ,   "Prompts", "Show a prompt", 0, None, pr.PromptAnswer, query=(APP,)),
    Route("PATCH",  "/v1/prompts/{slug}",                 prompts.change,      MANAGE, "Prompts", "Change a prompt", SMALL, pr.PromptChange, pr.PromptAnswer, query=(APP,)),
    Route("POST",   "/v1/prompts/{slug}/winner",          prompts.choose,      MANAGE, "Prompts", "Choose the variant that everybody sees", SMALL, o.PromptWinnerRequest, pr.PromptAnswer, query=(APP,)),
    Route("DELETE", "/v1/prompts/{slug}",                 prompts.delete,      MANAGE, "Prompts", "Delete a prompt", SMALL, None, None, 204, query=(APP,)),
    Route("GET",    "/v1/reports/opt-ins",                opt_ins.report,      READ,   "Prompts", "What asking visitors brought about", 0, None, o.OptInReportAnswer, query=(APP, DAYS, PROMPT, VARIANT)),

    Route("GET",    "/v1/apps",                           apps.page,           ADMIN,  "Apps", "List apps", 0, None, a.AppPage, query=PAGE[1:]),
    Route("POST",   "/v1/apps",                           apps.create,         ADMIN,  "Apps", "Make an app", SMALL, a.AppRequest, a.CreatedApp, 201, "sealed"),
    Route("GET",    "/v1/apps/{id}",                      apps.show,           READ,   "Apps", "Show an app", 0, None, a.AppAnswer),
    Route("PATCH",  "/v1/apps/{id}",                      apps.change,         MANAGE, "Apps", "Change an app", SMALL, a.AppChange, a.AppAnswer),
    Route("DELETE", "/v1/apps/{id}",                      apps.delete,         ADMIN,  "Apps", "Delete an app", SMALL, None, None, 204),
    Route("POST",   "/v1/apps/{id}/stop",                 apps.stop,           MANAGE, "Apps", "Stop all sending of an app at once", SMALL, a.StopRequest, a.AppAnswer),
    Route("POST",   "/v1/apps/{id}/resume",               apps.start,          MANAGE, "Apps", "Let a stopped app send again", SMALL, None, a.AppAnswer),
    Route("GET",    "/v1/apps/{id}/credentials",          credentials.page,    READ,   "Apps", "List an app's keys at its providers", 0, None, a.CredentialPage),
    Route("POST",   "/v1/apps/{id}/credentials",          credentials.load,    MANAGE, "Apps", "Bring a key that is used elsewhere", SMALL, a.CredentialRequest, a.CredentialAnswer, 201, "plain"),
    Route("POST",   "/v1/apps/{id}/credentials/rotate",   credentials.rotate,  MANAGE, "Apps", "Make a successor key", SMALL, a.RotateRequest, a.CredentialAnswer, 201, "plain"),
    Route("GET",    "/v1/apps/{id}/credentials/meter",    credentials.meter,   READ,   "Apps", "See who has moved to which key, and when an old one may go", 0, None, a.KeyMeterPage),
    Route("DELETE", "/v1/apps/{id}/credentials/{key}",    credentials.retire,  MANAGE, "Apps", "Retire a key", SMALL, None, None, 204, query=(FORCE,)),

    Route("GET",    "/v1/keys",                           keys.page,           MANAGE, "Keys", "List API keys", 0, None, a.KeyPage, query=(APP,)),
    Route("POST",   "/v1/keys",                           keys.create,         MANAGE, "Keys", "Make an API key", SMALL, a.KeyRequest, a.IssuedKey, 201, "sealed"),
    Route("DELETE", "/v1/keys/{id}",                      keys.revoke,         MANAGE, "Keys", "Revoke an API key", SMALL, None, None, 204, query=(APP,)),

    Route("GET",    "/v1/lanes",                          lanes.page,          READ,   "Lanes", "List keys that stand still or are slowed at a push service", 0, None, n.LanePage, query=PAGE),
    Route("POST",   "/v1/lanes/resume",                   lanes.resume,        MANAGE, "Lanes", "Try a key at a push service again now", SMALL, n.LaneResume, n.LaneResumed, query=(APP,)),

    Route("GET",    "/v1/sdk/config",                     sdk.config,          PUBLIC, "Pages", "What a page needs to know of its app", 0, None, SdkConfig, query=(WHICH, VISITOR)),
    Route("GET",    "/v1/preferences",                    preferences.show_by_link, PUBLIC, "Pages", "What a device is sent, by the link of a message", 0, None, pf.PreferencesAnswer, query=(WORDS,)),
    Route("PATCH",  "/v1/preferences",                    preferences.change_by_link, PUBLIC, "Pages", "Choose what a device is sent, by the link of a message", SMALL, pf.PreferencesChange, pf.PreferencesAnswer, query=(WORDS,)),
    Route("POST",   "/v1/receipts",                       receipts.take,       PUBLIC, "Pages", "Tell what became of notifications", SMALL, r.ReceiptsRequest, r.ReceiptsAnswer, 202),
    Route("POST",   "/v1/prompts/outcomes",               opt_ins.take,        PUBLIC, "Pages", "Tell what visitors answered when they were asked", SMALL, o.OutcomesRequest, None, 202),
    Route("GET",    "/c/{token}",                         clicks.follow,       OPEN,   "Pages", "Follow a message's link by way of the gateway, and count the click", status=302, media="text/plain"),
    Route("GET",    "/c/{token}/{place}",                 clicks.follow_button, OPEN,  "Pages", "Follow the link of one of its buttons", status=302, media="text/plain"),
    Route("GET",    "/preferences",                       preference_page.page, OPEN,   "Pages", "The page at the other end of a message's link: what this device is sent", query=(WORDS,), media="text/html"),
    Route("GET",    "/preferences/{file}",                preference_page.file, OPEN,   "Pages", "Its script and style", media="text/css", is_documented=False),
    Route("GET",    "/sdk/v1/{file}",                     sdk.rolling_file,    OPEN,   "Pages", "The script and the worker, always the newest", media="text/javascript"),
    Route("GET",    "/sdk/{version}/{file}",              sdk.fixed_file,      OPEN,   "Pages", "The script and the worker of one version, for ever the same", media="text/javascript"),

    Route("GET",    "/livez",                             system.livez,        OPEN,   "System", "Does it turn?", 0, None, Alive),
    Route("GET",    "/readyz",                            system.readyz,       OPEN,   "System", "Should it get requests?", 0, None, Ready),
    Route("GET",    "/version",                           system.version,      OPEN,   "System", "Which version runs", 0, None, Version),
    Route("GET",    "/openapi.json",                      documents.openapi,   OPEN,   "System", "This reference as OpenAPI 3.1"),
    Route("GET",    "/docs",                              documents.page,      OPEN,   "System", "This reference to read", media="text/html"),
    Route("GET",    "/docs/{file}",                       documents.file,      OPEN,   "System", "Its script and style", media="text/css", is_documented=False),
    Route("GET",    "/preview",                           prompt_preview.page, OPEN,   "System", "Prompts to look at: each kind, theme, scheme and language", media="text/html"),
    Route("GET",    "/preview/{file}",                    prompt_preview.file, OPEN,   "System", "Its script and style", media="text/css", is_documented=False),
)
# fmt: on


def build(services: Services) -> web.Application:
    """The application with every route. Serve it with `api.server.listen`."""
    gate = Gate(services, ROUTES)
    app = web.Application(client_max_size=0)
    for route in ROUTES:
        app.router.add_route(route.method, route.path, endpoint(route, gate), expect_handler=expectation(gate))
    add_unmatched(app, ROUTES, gate)
    return app
