//! What the shop knows. Fixed, so that every run answers the same bytes.

pub struct User {
    pub id: &'static str,
    pub name: &'static str,
    pub username: &'static str,
    pub birthday: i32,
}

pub struct Product {
    pub upc: &'static str,
    pub name: &'static str,
    pub price: i32,
    pub weight: i32,
    pub in_stock: bool,
}

pub struct Review {
    pub id: &'static str,
    pub author: &'static str,
    pub product: &'static str,
    pub body: &'static str,
}

const fn user(id: &'static str, name: &'static str, username: &'static str, birthday: i32) -> User {
    User {
        id,
        name,
        username,
        birthday,
    }
}

const fn product(
    upc: &'static str,
    name: &'static str,
    price: i32,
    weight: i32,
    in_stock: bool,
) -> Product {
    Product {
        upc,
        name,
        price,
        weight,
        in_stock,
    }
}

const fn review(
    id: &'static str,
    author: &'static str,
    product: &'static str,
    body: &'static str,
) -> Review {
    Review {
        id,
        author,
        product,
        body,
    }
}

pub static USERS: [User; 6] = [
    user("1", "Ada Lindqvist", "ada", 512_870_400),
    user("2", "Bruno Ferreira", "brunof", 631_152_000),
    user("3", "Chiara Moretti", "chiaram", 715_305_600),
    user("4", "Dmitri Sokolov", "dsokolov", 402_278_400),
    user("5", "Esi Mensah", "esimensah", 823_996_800),
    user("6", "Farid Haddad", "faridh", 567_993_600),
];

pub static PRODUCTS: [Product; 9] = [
    product("1", "Workbench", 899, 100, true),
    product("2", "Kiln", 1299, 1000, false),
    product("3", "Carving knife", 15, 20, false),
    product("4", "Easel", 499, 100, false),
    product("5", "Loom", 1299, 1000, true),
    product("6", "Lamp", 6999, 300, true),
    product("7", "Printing press", 3999, 2000, true),
    product("8", "Stone saw", 100_000, 6000, false),
    product("9", "Plan chest", 9999, 800, true),
];

const GLUE: &str = "The top is flat to a hair and stays so. I glued up a cabinet on it, planed the doors, hammered the joints home, and nothing moved; the vice holds a board on edge without a wobble. It came in two boxes and took an afternoon to put together, because the holes for the stretchers were drilled a little tight and I had to ream them. Oil it before you use it, or the first coffee will leave a ring for ever.";
const HEIGHT: &str = "Too high for me at ninety centimetres, so I cut the legs. Since then it is the best bench I have had: the wood is dry and heavy, the drawers run well when waxed, and there is room below for a box of clamps. The paint on the vice is thin and will not last, which does not matter at all.";
const SHARED: &str = "We share it between three people in the studio. Each of us would have asked for another size, and each of us is content. It takes knocks, spilled varnish and a forgotten soldering iron in good part, and a scraper brings the surface back. What it lacks is a shelf at the back for the things that one puts down and looks for later.";
const RETURNED: &str = "Mine arrived with a split in the front rail. The shop sent a new one within the week and let me keep the old rail, out of which I made a very good shooting board. I would buy it again.";
const FIRED: &str = "Even heat from top to bottom, which I checked with cones on every shelf over six firings. It reaches stoneware in nine hours on the cheap tariff and cools slowly enough for crystalline glazes. The controller forgets its programme when the power fails, so write it down. Put it on a slab of its own: the manual says that the stand is enough, and the manual is wrong; my floor has a brown rectangle to prove it.";
const LOUD: &str = "The relay clicks all night, and my studio is below my bedroom. After a month I stopped hearing it. Elements are easy to change; order a set along with it, since the ones that came with mine were good for eighty firings and not for the hundred that were promised.";
const SMALL: &str = "Smaller inside than the drawing makes one think, because the bricks are thicker than in my old one. That is also why it uses a third less current. I plan my pieces for it now, and have come to like the limit.";
const DOOR: &str =
    "The door has to be lifted a little when it shuts. Nobody tells you, everybody learns it.";
const SHARP: &str = "It holds an edge through a whole spoon in green birch and half of one in seasoned cherry. The handle is a plain oval, a bit short for a large hand. For this price I bought three and ground one of them to a point for the corners.";
const WOVEN: &str = "I wove eleven metres of twill in the first week and have not had a broken warp since. The beater is heavy, and that is what one pays for. Count the heddles when they come: I was forty short, and the letter that I wrote about it was answered the same day with a parcel of a hundred.";
const QUIET: &str = "Quiet enough for a flat with thin walls, once it stands on cork. I draw at night, and nobody has complained. It tips a little when a wet panel hangs at the very top, so I screwed it to a board, which took five minutes and cured it; the holes do not show. The wood has darkened to the colour of honey since.";
const DULL: &str = "Mine came blunt and with a burr that could be felt with a glove on. Half an hour on the stones put that right, and it has been the one I reach for ever since; but half an hour is what it took, and a beginner would have thought that knives are like that.";
const STEADY: &str = "Steady with a canvas of two metres on it, and folds flat enough to go behind a door. The ratchet is loud; a strip of felt cures it. I have had cheaper ones and paid for each of them twice.";
const OUTSIDE: &str = "Bought for painting outside, and carried over more hills than I can name. It has stood in streams, in snow and once in the sea. The wing nuts rusted in the first year, so I put in brass ones; since then nothing has needed doing, except that I oil the legs each spring. In strong wind, hang your bag on the hook below: the hook is meant for it, though the leaflet says nothing. The tray is too small for a full set of tubes, and exactly right for the eight colours that I really use. Were it stolen, I would order the same one on the same day, with the same wing nuts, and change them on the same evening.";

pub static REVIEWS: [Review; 14] = [
    review("1", "1", "1", GLUE),
    review("2", "2", "1", HEIGHT),
    review("3", "3", "1", SHARED),
    review("4", "4", "1", RETURNED),
    review("5", "5", "2", FIRED),
    review("6", "6", "2", LOUD),
    review("7", "1", "2", SMALL),
    review("8", "2", "2", DOOR),
    review("9", "3", "3", SHARP),
    review("10", "4", "4", STEADY),
    review("11", "5", "4", OUTSIDE),
    review("12", "6", "5", WOVEN),
    review("13", "2", "3", DULL),
    review("14", "6", "4", QUIET),
];

/// What it costs to send a product: nothing above a price of 1000.
pub fn shipping(price: i32, weight: i32) -> i32 {
    if price > 1000 { 0 } else { weight / 2 }
}
