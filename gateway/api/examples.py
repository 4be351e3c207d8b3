"""Examples of requests, for the reference. A test sends each of them."""

from typing import Any, Final

EXAMPLES: Final[dict[tuple[str, str], Any]] = {
    ("POST", "/v1/messages"): {
        "audience": {"topics": "sale"},
        "title": {"en": "Winter sale", "nl": "Winteruitverkoop"},
        "body": {"en": "Up to half off until Sunday.", "nl": "Tot de helft eraf, tot en met zondag."},
        "url": "https://shop.example/sale",
        "ttl": 86400,
    },
    ("POST", "/v1/messages/batch"): {
        "messages": [
            {
                "audience": {"users": ["cust-17"]},
                "title": "Your order is on its way",
                "url": "https://shop.example/orders/5",
            },
            {"audience": {"users": ["cust-18"]}, "title": "Your parcel is here"},
        ]
    },
    ("POST", "/v1/templates"): {
        "name": "shipped",
        "content": {
            "title": "Order {{ number }} is on its way",
            "body": 'Hi {{ user.first_name | default: "there" }}, it arrives {{ day | date: "full" }}.',
            "url": "https://shop.example/orders/{{ number }}",
        },
    },
    ("PUT", "/v1/users/{external_id}"): {
        "attributes": {
            "first_name": "Ada",
            "spent": 120.5,
            "vip": True,
            "born": "1815-12-10",
            "likes": ["tea", "maths"],
        },
        "language": "nl",
        "timezone": "Europe/Amsterdam",
        "country": "NL",
        "email": "ada@shop.example",
    },
    ("PATCH", "/v1/users/{external_id}"): {"attributes": {"spent": 140, "likes": None}, "tags": {"plan": "gold"}},
    ("POST", "/v1/users/bulk"): {
        "users": [
            {"external_id": "cust-17", "attributes": {"spent": 140}},
            {"external_id": "cust-18", "tags": {"plan": "gold"}, "language": "en"},
        ]
    },
    ("POST", "/v1/users/{external_id}/aliases"): {"alias": "crm-5417"},
    ("POST", "/v1/events"): [
        {"name": "order_placed", "user": "cust-17", "id": "order-5", "properties": {"total": 59.9, "currency": "EUR"}},
        {"name": "product_viewed", "user": "cust-18", "properties": {"product": "tea-pot"}},
    ],
    ("POST", "/v1/audience/estimate"): {
        "audience": {
            "where": {"all": [{"tag": "plan", "is": "gold"}, {"event": "order_placed", "none_within": "P30D"}]}
        },
    },
    ("POST", "/v1/topics"): {"slug": "sale", "name": "Sales and offers"},
    ("POST", "/v1/geofences"): {"slug": "store-utrecht", "near": {"lat": 52.0908, "lon": 5.1222, "radius_km": 0.5}},
    ("POST", "/v1/prompts"): {
        "slug": "welcome",
        "kind": "slidedown",
        "texts": {
            "en": {"title": "Be the first to know", "yes": "Yes, please", "no": "Not now"},
            "nl": {"title": "Weet het als eerste", "yes": "Ja, graag", "no": "Nu niet"},
        },
        "rules": {"page_views": 2, "delay_s": 5, "exclude": ["/checkout*"]},
        "theme": {"accent": "#0b57d0", "accent_text": "#ffffff", "position": "top"},
        "variants": [
            {"name": "plain"},
            {"name": "offer", "texts": {"en": {"title": "Sales first, for those who listen"}}},
        ],
        "experiment": {"winner": "granted", "after": "P7D"},
    },
    ("POST", "/v1/apps"): {
        "name": "My shop",
        "origins": ["https://shop.example"],
        "subject": "mailto:push@shop.example",
    },
    ("PATCH", "/v1/apps/{id}"): {"link_hosts": ["shop.example", "blog.shop.example"]},
    ("POST", "/v1/keys"): {"name": "Order mails", "scopes": ["send"]},
}
