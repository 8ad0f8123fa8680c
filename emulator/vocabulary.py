"""The small vocabularies that the generator's texts are made from."""

NOUNS: dict[str, tuple[str, ...]] = {
    "art": ("Watercolor", "Charcoal Sketch", "Clay Sculpture", "Linocut Print", "Canvas", "Mural"),
    "beauty": ("Skin Care", "Braided Bun", "Nail Polish", "Evening Makeup", "Hair Mask", "Face Serum"),
    "christmas": ("Wreath", "Tree Ornament", "Stocking", "Advent Calendar", "Gift Wrap", "Gingerbread House"),
    "diy-and-crafts": ("Paper Lantern", "Macrame Hanger", "Bottle Vase", "Felt Garland", "Wooden Crate", "Candle"),
    "education": ("Reading Corner", "Lesson Plan", "Number Game", "Science Fair", "Flash Card", "Class Project"),
    "event-planning": ("Garden Party", "Wedding Table", "Balloon Arch", "Guest List", "Baby Shower", "Seating Chart"),
    "finance": ("Budget", "Savings Plan", "Side Income", "Emergency Fund", "Debt Plan", "Index Fund"),
    "home-decor": ("Living Room", "Entryway", "Gallery Wall", "Bookshelf", "Bedroom", "Reading Nook"),
    "mens-fashion": ("Linen Suit", "Denim Jacket", "Leather Boots", "Winter Coat", "Casual Outfit", "Pocket Square"),
    "quotes": ("Morning Quote", "Quote on Patience", "Short Poem", "Friendship Quote", "Proverb", "Daily Reminder"),
    "tattoos": ("Fine Line Tattoo", "Wave Tattoo", "Sleeve", "Botanical Tattoo", "Small Tattoo", "Compass Tattoo"),
    "travel": ("Island", "Mountain Hut", "Road Trip", "Old Town", "Packing List", "Night Train"),
    "vehicles": ("Camper Van", "Classic Car", "Pickup Truck", "Motorcycle", "Roadster", "Electric Bike"),
}
ADJECTIVES = (
    "Simple", "Cozy", "Modern", "Rustic", "Bright", "Elegant", "Unusual", "Easy", "Timeless", "Colorful", "Quiet",
    "Handmade", "Affordable", "Minimal", "Vintage", "Playful",
)  # fmt: skip
USES = (
    "Ideas", "for Beginners", "on a Budget", "You Can Make Today", "Step by Step", "to Try This Year",
    "for Small Spaces", "Inspiration | The Weekly List", "for the Whole Family", "& How to Start",
    "- Free Printable", "in 15 Minutes",
)  # fmt: skip
TITLE_WORDS_NON_ASCII = (
    "– a Café’s Choice",
    "— Naïve Style",
    "• Été",
    "своими руками",
    "アイデア",
    "für Anfänger",
    "✨",
    "🎨",
)
TITLE_LINE_BREAKS = ("\n", " \n", "\n\n\n")
TITLE_TRAILING_BLANKS = (" ", "  ", "\u00a0")

SENTENCES = (
    "A {noun} that takes one afternoon and very little money.",
    "Learn how to plan your {noun} with this short guide.",
    "We tried every {noun} of the season, here are our favorites.",
    "Looking for a new {noun}? Start with these simple steps!",
    "Everything you need is on the list, and the rest is patience.",
    "This {noun} looks lovely in any place, and it keeps for years.",
    "Save this for later & share it with a friend who needs it.",
    "See the full tutorial, with pictures and a list of materials.",
    "Our readers sent in more than twenty variations of it.",
    "It's the small details that make the difference.",
)
SENTENCES_NON_ASCII = (
    "It’s the easiest {noun} you’ll ever make.",
    "“Less is more” – that is how our {noun} began.",
    "A touch of crème brûlée color for your {noun}.",
    "Простая идея для дома, шаг за шагом.",
    "簡単なアイデアをご紹介します。",
    "Schöne Ideen für jeden Tag, auch für Anfänger.",
    "Save it for later 📌✨ and have fun 🎉",
    "Más ideas cada día en nuestro blog…",
)

TAG_ENDINGS = ("Ideas", "Inspiration", "Aesthetic", "Tutorial", "Tips", "Projects", "Designs", "Styles")

FIRST_NAMES = (
    "Aaron", "Abigail", "Adam", "Adriana", "Alan", "Alice", "Amber", "Andrea", "Barbara", "Benjamin", "Brenda",
    "Carla", "Charles", "Christine", "Daniel", "Deborah", "Diana", "Edward", "Elena", "Emily", "Eric", "Frances",
    "Gary", "Grace", "Heather", "Henry", "Isabel", "Jacob", "Janet", "Jesse", "Joan", "Karen", "Kevin", "Laura",
    "Linda", "Marcus", "Maria", "Monica", "Nathan", "Nicole", "Oscar", "Patricia", "Paul", "Rachel", "Robert",
    "Sandra", "Sean", "Teresa", "Thomas", "Victor", "Wendy", "Zachary",
)  # fmt: skip
LAST_NAMES = (
    "Abbott", "Adkins", "Allen", "Alvarez", "Baker", "Barnes", "Bennett", "Brooks", "Carter", "Castillo", "Chavez",
    "Coleman", "Daniels", "Diaz", "Dixon", "Edwards", "Ellis", "Evans", "Fisher", "Fleming", "Garcia", "Gibson",
    "Graham", "Hanson", "Hayes", "Hughes", "Ingram", "Jensen", "Jordan", "Keller", "Knight", "Lambert", "Larson",
    "Mason", "Meyer", "Morgan", "Nelson", "Newman", "Ortiz", "Owens", "Parker", "Perez", "Quinn", "Reed", "Rivera",
    "Schmidt", "Sullivan", "Turner", "Vaughn", "Walsh", "Young", "Zimmerman",
)  # fmt: skip

POSTER_SUBJECTS = (
    "Paper House", "Little Kitchen", "Blue Door", "Home Studio", "Weekend Maker", "Penny Garden", "North Shore",
    "Slow Days", "Velvet Owl", "Lemon Street", "Open Road", "Second Floor",
)  # fmt: skip
POSTER_ENDINGS = ("", " Blog", " | Home & Garden", " Co.", " Magazine", " - Crafts, Recipes, Travel", "!", " Shop")
POSTER_ENDINGS_NON_ASCII = (" • Café", " für alle", " ♡", " – Идеи")
