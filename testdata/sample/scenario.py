"""What the sample store is about: the support desk of Tern & Tide, an invented shop for paddling and camping gear.

Everything here is made up: no person, company, order or address is real.
"""

# Help-center articles: id, title, text. The retriever finds them by topic.
ARTICLES = {
    "shipping": [
        ("kb-101", "Delivery times", "Orders placed before 14:00 leave the warehouse the same day. Standard delivery takes 2 to 4 working days, islands up to 7."),
        ("kb-102", "Following a parcel", "The tracking number is in the shipping e-mail. A parcel without a scan for five working days counts as lost and is sent again free of charge."),
    ],
    "returns": [
        ("kb-201", "Sending something back", "Unused goods can be returned within 60 days. The label is free; the refund is made within 5 working days of arrival."),
        ("kb-202", "What can't be returned", "Opened fuel canisters, food and made-to-measure paddles are excluded from returns."),
    ],
    "warranty": [
        ("kb-301", "Warranty on boats", "Hulls carry a warranty of five years against leaks at seams and valves. Damage from rocks is repaired at cost."),
        ("kb-302", "Warranty on stoves", "Stoves carry two years. A blocked jet is not a defect: see article kb-402 for cleaning."),
    ],
    "care": [
        ("kb-401", "Drying a folding kayak", "Let the skin dry completely before packing. Salt crystals wear the seams: rinse with fresh water after every trip at sea."),
        ("kb-402", "Cleaning the jet of a stove", "Unscrew the burner, push the needle through the jet twice, then blow it out. Never use the needle while the stove is warm."),
    ],
    "billing": [
        ("kb-501", "Invoices", "The invoice is attached to the order confirmation. A corrected invoice with another address can be issued for 30 days."),
        ("kb-502", "Ways to pay", "Card, bank transfer and gift voucher. Vouchers can be combined, except with bulk prices."),
    ],
    "sizing": [
        ("kb-601", "Which paddle length", "Measure the width of the boat and your height: 220 cm suits most people up to 180 cm in a boat of up to 65 cm."),
        ("kb-602", "Sizes of dry suits", "Between two sizes take the larger one: the neck seal is cut to fit, the shoulders are not."),
    ],
}

PRODUCTS = [
    ("TT-1040", "Tern 420 folding kayak", 1349.0),
    ("TT-1077", "Petrel inflatable packraft", 789.5),
    ("TT-2210", "carbon paddle, 220 cm", 214.9),
    ("TT-3005", "Ember multi-fuel stove", 129.0),
    ("TT-3090", "storm kettle 1.5 l", 64.25),
    ("TT-4411", "dry suit, size L", 549.0),
    ("TT-5120", "two-person tent Lee", 379.0),
]

STATES = ["packed", "handed to the carrier", "in transit", "out for delivery", "delivered", "held at customs"]

# A conversation: language, topic, tool (or None), then turns of (question, answer). {order}, {product},
# {state} and {days} are filled in.
CONVERSATIONS = [
    ("en", "shipping", "get_order", [
        ("Hi, where is my order {order}? It was promised for yesterday.", "Your order {order} ({product}) is {state}. The carrier expects to deliver it within {days} working days."),
        ("Can I still change the delivery address?", "While a parcel is {state} the carrier can redirect it: open the link in the shipping e-mail and choose a pick-up point."),
        ("Perfect, thanks!", "You're welcome. Fair winds!"),
    ]),
    ("en", "returns", "create_return", [
        ("The {product} from order {order} is too big. How do I send it back?", "No problem: I have made a return for order {order}. The free label is on its way to the address of your account."),
        ("And when do I get the money back?", "Within 5 working days after the parcel has reached us, on the card that you paid with."),
    ]),
    ("en", "warranty", "open_ticket", [
        ("My {product} leaks at a seam after one season, is that covered?", "Seams are covered for five years. I have opened a ticket for order {order}; please send two photos of the seam."),
    ]),
    ("en", "care", None, [
        ("my stove sputters & goes out after a minute :( what now??", "That sounds like a blocked jet. Unscrew the burner when it is cold, push the needle through the jet twice and blow it out."),
        ("it works again!! you are the best 🔥🔥", "Glad to hear that 🔥 Enjoy your next cup of tea outside."),
    ]),
    ("en", "sizing", "check_stock", [
        ("I'm 184 cm and paddle a boat of 70 cm. Is 220 cm long enough?", "With 184 cm and a wide boat I would take 230 cm. The {product} is in stock and leaves today if you order before 14:00."),
    ]),
    ("en", "billing", "get_order", [
        ("I need the invoice of {order} with our company's VAT number, please.", "I can issue a corrected invoice for {order} within 30 days of the order. Please send me the VAT number and the exact name."),
        ("It's \"Blue Heron Outfitters, Ltd.\" <accounts@example.com>", "Thank you. The corrected invoice goes to accounts@example.com within a few minutes."),
    ]),
    ("de", "shipping", "get_order", [
        ("Guten Tag, wann kommt meine Bestellung {order} endlich an? Ich warte schon seit über einer Woche!", "Das tut mir leid. Ihre Bestellung {order} ist laut Frachtführer „{state}“ und sollte in {days} Werktagen eintreffen."),
        ("Na gut, und wenn nicht?", "Dann schicken wir Ihnen den Artikel ({product}) noch einmal kostenlos. Sie müssen nichts weiter tun."),
    ]),
    ("de", "care", None, [
        ("Wie trockne ich das Faltboot nach einer Tour auf der Ostsee am besten?", "Spülen Sie die Haut mit Süßwasser ab und lassen Sie sie vollständig trocknen, bevor Sie sie falten: Salzkristalle scheuern die Nähte auf."),
    ]),
    ("fr", "returns", "create_return", [
        ("Bonjour, je voudrais renvoyer « {product} », commande {order}. C'est possible après 40 jours ?", "Oui, vous avez 60 jours. J'ai créé le retour pour la commande {order} ; l'étiquette est gratuite."),
    ]),
    ("es", "billing", None, [
        ("¿Puedo pagar una parte con un vale y el resto con tarjeta?", "Sí, los vales se pueden combinar con la tarjeta, salvo en los precios por volumen."),
        ("¡Qué bien! ¿Y caducan?", "Nuestros vales no caducan. 😊"),
    ]),
    ("ja", "shipping", "get_order", [
        ("注文{order}はいつ届きますか？週末の旅行で使いたいです。", "ご注文{order}は現在「{state}」です。あと{days}営業日ほどでお届けの予定です。🏕️"),
        ("ありがとうございます！", "どういたしまして。良いご旅行を！"),
    ]),
    ("ar", "returns", "create_return", [
        ("مرحبًا، أريد إرجاع الطلب {order} لأن المقاس غير مناسب.", "بكل سرور. أنشأتُ طلب إرجاع للطلب {order}، وستصلك بطاقة الشحن المجانية قريبًا."),
    ]),
    ("hi", "warranty", "open_ticket", [
        ("मेरे {product} का वाल्व खराब हो गया है, ऑर्डर {order}। क्या वारंटी मिलेगी?", "जी हाँ, वाल्व पर पाँच साल की वारंटी है। मैंने ऑर्डर {order} के लिए टिकट खोल दिया है।"),
    ]),
    ("ru", "shipping", "get_order", [
        ("Здравствуйте! Заказ {order} уже третий день без движения. Что происходит?", "Здравствуйте! Заказ {order} сейчас в статусе «{state}»; ждём доставку через {days} раб. дня."),
    ]),
    ("ko", "sizing", "check_stock", [
        ("키가 175cm인데 드라이슈트는 어떤 사이즈가 좋을까요?", "두 사이즈 사이라면 큰 쪽을 권합니다. {product}은(는) 현재 재고가 있습니다."),
    ]),
    ("el", "care", None, [
        ("Πώς καθαρίζω το μπεκ της εστίας;", "Ξεβιδώστε τον καυστήρα όταν είναι κρύος και περάστε τη βελόνα δύο φορές από το μπεκ."),
    ]),
]

SYSTEM = (
    "You are the support assistant of Tern & Tide. Answer briefly in the customer's language, from the articles. Never promise a date."
)

TOOLS = [
    {"type": "function", "function": {"name": name, "description": text, "parameters": {"type": "object", "properties": {arg: {"type": "string"}}, "required": [arg]}}}
    for name, text, arg in [
        ("get_order", "Look up an order and its parcel.", "order_id"),
        ("create_return", "Create a return with a free label.", "order_id"),
        ("open_ticket", "Hand the case to a person.", "order_id"),
        ("check_stock", "How many pieces of an article are in the warehouse.", "sku"),
    ]
]

# Failures of tools: exception type, message, stack trace.
FAILURES = {
    "get_order": (
        "OrderServiceTimeout",
        "order service did not answer within 2.0 s (attempt 3 of 3)",
        'Traceback (most recent call last):\n  File "support_bot/tools.py", line 48, in get_order\n    return self._orders.fetch(order_id, timeout=2.0)\n'
        '  File "support_bot/clients.py", line 121, in fetch\n    raise OrderServiceTimeout(f"order service did not answer within {timeout} s (attempt 3 of 3)")\n'
        "support_bot.errors.OrderServiceTimeout: order service did not answer within 2.0 s (attempt 3 of 3)\n",
    ),
    "create_return": (
        "ValueError",
        "order is outside the return window: 71 days > 60 days — Rückgabe nicht möglich",
        'Traceback (most recent call last):\n  File "support_bot/tools.py", line 77, in create_return\n    self._check_window(order)\n'
        '  File "support_bot/tools.py", line 90, in _check_window\n    raise ValueError(...)\n'
        "ValueError: order is outside the return window: 71 days > 60 days — Rückgabe nicht möglich\n",
    ),
    "open_ticket": (
        "PermissionError",
        "the ticket system refused the token of 'support-bot'",
        'Traceback (most recent call last):\n  File "support_bot/tools.py", line 104, in open_ticket\n    self._desk.create(payload)\n'
        "PermissionError: the ticket system refused the token of 'support-bot'\n",
    ),
    "check_stock": (
        "KeyError",
        "'TT-9999'",
        'Traceback (most recent call last):\n  File "support_bot/tools.py", line 131, in check_stock\n    return self._stock[sku]\nKeyError: \'TT-9999\'\n',
    ),
}

# Questions of the evaluation set: question, expected answer, expected facts, expected tool call, may be escalated.
EVALUATION = [
    ("How long does standard delivery take?", "2 to 4 working days, islands up to 7.", ["2 to 4 working days", "islands up to 7"], None, False),
    ("Can I return an opened fuel canister?", "No, opened fuel canisters are excluded from returns.", ["excluded"], None, False),
    ("Where is order TO-70021?", "It depends on the state that the order service reports.", ["TO-70021"], {"name": "get_order", "arguments": {"order_id": "TO-70021"}}, False),
    ("The seam of my kayak opened while I was at sea, I want to talk to a person NOW", "I have opened a ticket; a colleague calls you back today.", ["ticket", "calls back"], {"name": "open_ticket", "arguments": {"order_id": "TO-70033"}}, True),
    ("Wie lang ist die Garantie auf Kocher?", "Zwei Jahre; eine verstopfte Düse zählt nicht als Mangel.", ["zwei Jahre", "Düse"], None, False),
    ("支払い方法を教えてください。", "カード、銀行振込、ギフト券がご利用いただけます。", ["カード", "銀行振込", "ギフト券"], None, False),
    ("Is the storm kettle in stock?", "Yes, 12 pieces.", ["12"], {"name": "check_stock", "arguments": {"sku": "TT-3090"}}, False),
    ("¿Cuánto tarda el reembolso?", "Cinco días laborables desde la llegada del paquete.", ["5 días laborables"], None, False),
]
