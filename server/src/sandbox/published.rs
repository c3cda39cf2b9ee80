//! The reference's published test data, which an integrator's existing test code expects.

/// A member with a bank account.
pub struct Member {
    /// Name.
    pub name: &'static str,
    /// Date of birth, yyyyMMdd.
    pub birth_date: &'static str,
    /// Bank.
    pub bank_code: &'static str,
    /// Account number.
    pub bank_account: &'static str,
    /// Whether the account holds money.
    pub has_money: bool,
}

/// A physical card that is not registered to a member.
pub struct PhysicalCard {
    /// Its number.
    pub card_no: &'static str,
    /// Its verification code.
    pub cvc: &'static str,
    /// Its PAR.
    pub par: &'static str,
}

/// First digits of the physical cards' numbers: a range of its own.
pub const CARD_PREFIX: &str = "94913394";
/// Expiry of the physical cards.
pub const CARD_EXPIRY_YYMM: &str = "3108";
/// The first published member has this id, the others follow.
pub const USER_ID_FIRST: u64 = 50_000_104_652;

const fn member(
    name: &'static str,
    birth_date: &'static str,
    bank_code: &'static str,
    bank_account: &'static str,
    has_money: bool,
) -> Member {
    Member { name, birth_date, bank_code, bank_account, has_money }
}

/// The members.
pub const MEMBERS: [Member; 10] = [
    member("김코나", "19751112", "003", "333015555557", true),
    member("김코코", "19890530", "010", "11112333333", true),
    member("박탐나", "19920315", "020", "1006122222222", true),
    member("유대코", "19991202", "034", "100333888888", false),
    member("이모나", "20050628", "092", "100666666668", false),
    member("정푸루", "19880214", "005", "2224444455605", true),
    member("조동백", "19950525", "021", "10044444445", false),
    member("최이음", "19970911", "031", "505222222224", false),
    member("추비즈", "20020126", "045", "9002777777779", false),
    member("한배코", "19800704", "004", "3333015555556", true),
];

const fn card(card_no: &'static str, cvc: &'static str, par: &'static str) -> PhysicalCard {
    PhysicalCard { card_no, cvc, par }
}

/// The physical cards.
pub const PHYSICAL_CARDS: [PhysicalCard; 10] = [
    card("9491339401250765", "211", "Q180BEA3B2F1BBD8410336D66A4"),
    card("9491339401250906", "761", "Q12EA18694F1BBD928C3ADB3048"),
    card("9491339401250898", "181", "Q167819387F1BBD913786BB7055"),
    card("9491339401250880", "195", "Q1C9820531F1BBD90E10F5A9273"),
    card("9491339401250872", "371", "Q12B94ED50F1BBD8F7B05994A0A"),
    card("9491339401250864", "228", "Q121997E0EF1BBD8E9391BC82A4"),
    card("9491339401250856", "176", "Q1E0B86C1FF1BBD8D98A727BADE"),
    card("9491339401250849", "249", "Q103B78709F1BBD8CB648E8D0FB"),
    card("9491339401250831", "561", "Q1898E85DBF1BBD8B2A4E910953"),
    card("9491339401250823", "951", "Q181B56345F1BBD8AC43331C59C"),
];

/// Merchants: id and name.
pub const MERCHANTS: [(&str, &str); 5] = [
    ("410195430033901", "네네치킨 청학점"),
    ("410894040073801", "본죽 김포전원마을점"),
    ("410147370025101", "상상만화카페"),
    ("410616271317501", "현재약국"),
    ("410121137754301", "용가리노래연습장"),
];

/// Documents of terms and conditions.
pub const TERMS: [&str; 8] =
    ["29184", "29186", "29187", "29188", "601151", "601152", "604150", "606153"];
