#include "core/tokenizer/regex_dialect.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <fmt/format.h>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "core/tokenizer/unicode.h"

namespace rheo {

namespace {

constexpr std::size_t kMaxNesting = 64;

// Unicode property White_Space and its complement, as items of a class.
constexpr const char* kSpace =
    R"(\t-\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
constexpr const char* kNotSpace =
    R"(\x{0}-\x{8}\x{e}-\x{1f}!-\x{84}\x{86}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027})"
    R"(\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{10ffff})";
constexpr const char* kPosixWord = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
// Outside of classes Oniguruma counts the fractions and superscripts of Latin-1 in as well.
constexpr const char* kWord = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{b2}\x{b3}\x{b9}\x{bc}-\x{be})";
constexpr const char* kHex = "0-9A-Fa-f";
constexpr const char* kNotHex = R"(\x{0}-/:-@G-`g-\x{10ffff})";
constexpr const char* kAny = "(?s:.)";

/// A set of characters: `items` of one class, and expressions of one character each that no class can hold.
struct CharacterSet {
    std::string items;
    std::vector<std::string> others;

    void add(CharacterSet more) {
        items += more.items;
        for (auto& other : more.others) others.push_back(std::move(other));
    }
    bool plain() const { return others.empty() && !items.empty(); }

    /// An expression that matches one character of the set.
    std::string expression() const {
        if (plain()) return fmt::format("[{}]", items);
        if (items.empty() && others.size() == 1) return others.front();
        std::string any = items.empty() ? "" : fmt::format("[{}]", items);
        for (const auto& other : others) any += (any.empty() ? "" : "|") + other;
        return fmt::format("(?:{})", any);
    }

    std::string complement() const {
        if (plain()) return fmt::format("[^{}]", items);
        return fmt::format("(?:(?!{}){})", expression(), kAny);
    }
};

CharacterSet setOf(const char* items) {
    return {items, {}};
}

/// The complement as a set of its own.
CharacterSet negated(const CharacterSet& set) {
    return {"", {set.complement()}};
}

bool compiles(const std::string& pattern) {
    int error = 0;
    PCRE2_SIZE offset = 0;
    auto* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                               PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr);
    pcre2_code_free(code);
    return code != nullptr;
}

/// Short name, long name and PCRE2's name of each general category.
constexpr std::array<const char*, 3> kCategories[] = {
    {"c", "other", "C"},
    {"cc", "control", "Cc"},
    {"cf", "format", "Cf"},
    {"cn", "unassigned", "Cn"},
    {"co", "privateuse", "Co"},
    {"cs", "surrogate", "Cs"},
    {"l", "letter", "L"},
    {"lc", "casedletter", "L&"},
    {"ll", "lowercaseletter", "Ll"},
    {"lm", "modifierletter", "Lm"},
    {"lo", "otherletter", "Lo"},
    {"lt", "titlecaseletter", "Lt"},
    {"lu", "uppercaseletter", "Lu"},
    {"m", "mark", "M"},
    {"mc", "spacingmark", "Mc"},
    {"me", "enclosingmark", "Me"},
    {"mn", "nonspacingmark", "Mn"},
    {"n", "number", "N"},
    {"nd", "decimalnumber", "Nd"},
    {"nl", "letternumber", "Nl"},
    {"no", "othernumber", "No"},
    {"p", "punctuation", "P"},
    {"pc", "connectorpunctuation", "Pc"},
    {"pd", "dashpunctuation", "Pd"},
    {"pe", "closepunctuation", "Pe"},
    {"pf", "finalpunctuation", "Pf"},
    {"pi", "initialpunctuation", "Pi"},
    {"po", "otherpunctuation", "Po"},
    {"ps", "openpunctuation", "Ps"},
    {"s", "symbol", "S"},
    {"sc", "currencysymbol", "Sc"},
    {"sk", "modifiersymbol", "Sk"},
    {"sm", "mathsymbol", "Sm"},
    {"so", "othersymbol", "So"},
    {"z", "separator", "Z"},
    {"zl", "lineseparator", "Zl"},
    {"zp", "paragraphseparator", "Zp"},
    {"zs", "spaceseparator", "Zs"},
};

constexpr std::pair<const char*, const char*> kPosix[] = {
    {"alnum", R"(\p{Alphabetic}\p{Nd})"},
    {"alpha", R"(\p{Alphabetic})"},
    {"any", R"(\x{0}-\x{10ffff})"},
    {"ascii", R"(\x{0}-\x{7f})"},
    {"cntrl", R"(\p{Cc})"},
    {"digit", R"(\p{Nd})"},
    {"lower", R"(\p{Lowercase})"},
    {"space", kSpace},
    {"upper", R"(\p{Uppercase})"},
    {"whitespace", kSpace},
    {"xdigit", kHex},
};

/// A property's name in lower case without spaces, hyphens and underscores; empty: no property has this name.
std::string foldedName(std::string_view name) {
    std::string folded;
    for (const char c : name) {
        if (c == ' ' || c == '_' || c == '-') continue;
        const bool upper = c >= 'A' && c <= 'Z';
        if (!upper && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) return {};
        folded.push_back(static_cast<char>(upper ? c - 'A' + 'a' : c));
    }
    return folded.size() > 40 ? std::string() : folded;
}

/// Items for the property that Oniguruma knows by `name`: a general category, a POSIX class, a script
/// or a binary property. Case, spaces, hyphens and underscores do not matter.
std::optional<CharacterSet> propertySet(std::string_view name, const char* word) {
    const std::string folded = foldedName(name);
    if (folded.empty()) return std::nullopt;
    for (const auto& [shortName, longName, category] : kCategories)
        if (folded == shortName || folded == longName)
            return CharacterSet{fmt::format("\\p{{{}}}", category), {}};
    if (folded == "word") return setOf(word);
    for (const auto& [posix, items] : kPosix)
        if (folded == posix) return setOf(items);
    // PCRE2 would take a bare script name as its extensions (characters of several scripts).
    for (const char* form : {"\\p{{sc:{}}}", "\\p{{{}}}"}) {
        const std::string property = fmt::format(fmt::runtime(form), folded);
        if (compiles(property)) return CharacterSet{property, {}};
    }
    return std::nullopt;
}

/// Escapes that stand for a set of characters, "\w" and properties aside.
constexpr std::pair<char, const char*> kEscapedSets[] = {
    {'s', kSpace}, {'S', kNotSpace}, {'d', R"(\p{Nd})"}, {'D', R"(\P{Nd})"}, {'h', kHex}, {'H', kNotHex}};

/// Escapes that stand for an expression outside of a class.
constexpr std::pair<char, const char*> kEscapedExpressions[] = {
    {'A', R"(\A)"},       {'z', R"(\z)"},
    {'Z', R"(\Z)"},       {'R', R"((?>\r\n|[\x{a}-\x{d}\x{85}\x{2028}\x{2029}]))"},
    {'N', R"([^\x{a}])"}, {'O', kAny},
};

/// Escapes that stand for one character.
constexpr std::pair<char, char32_t> kEscapes[] = {{'t', U'\t'}, {'n', U'\n'}, {'r', U'\r'},  {'f', U'\f'},
                                                  {'v', U'\v'}, {'a', U'\a'}, {'e', U'\x1B'}};

bool isAsciiAlphanumeric(char32_t c) {
    return (c >= U'0' && c <= U'9') || (c >= U'A' && c <= U'Z') || (c >= U'a' && c <= U'z');
}

class Translator {
public:
    Translator(std::string_view pattern, const Place& place) : m_pattern(pattern), m_place(place) {}

    std::string run() {
        m_groups.push_back({0, 0, false});
        while (!atEnd()) element();
        if (m_groups.size() > 1) throw malformed("a group is not closed");
        m_out.append(m_groups.back().scopes, ')');
        return std::move(m_out);
    }

private:
    struct Group {
        std::size_t begin;   ///< in m_out
        std::size_t scopes;  ///< option groups to close with this one
        bool caseless;       ///< within it, here
    };

    bool atEnd() const { return m_at >= m_pattern.size(); }
    char peek(std::size_t ahead = 0) const {
        return m_at + ahead < m_pattern.size() ? m_pattern[m_at + ahead] : '\0';
    }
    bool take(std::string_view text) {
        if (m_pattern.substr(m_at, text.size()) != text) return false;
        m_at += text.size();
        return true;
    }
    char32_t takeCharacter() {
        const CodePoint c = codePointAt(m_pattern, m_at);
        m_at += c.length;
        return c.value;
    }

    Error malformed(const std::string& why) const {
        return m_place.format(fmt::format("the regular expression {} is malformed at offset {}: {}",
                                          inQuotes(m_pattern, 200), m_at, why));
    }
    Error unsupported(const std::string& what) const {
        return m_place.unsupported(
            fmt::format("the regular expression {} uses {} (offset {}), which is not supported",
                        inQuotes(m_pattern, 200), what, m_at));
    }

    static std::string literal(char32_t c) {
        std::string text;
        if (isAsciiAlphanumeric(c) || c >= 0xA0)
            appendUtf8(text, c);
        else
            text = fmt::format("\\x{{{:x}}}", static_cast<std::uint32_t>(c));
        return text;
    }

    void character(char32_t c) {
        // Without regard to case, Oniguruma lets one character stand for two ("ß" for "ss", a ligature for
        // its letters); PCRE2 does not.
        const char32_t before = std::exchange(m_letter, U'\0');
        const char32_t letter = c >= U'A' && c <= U'Z' ? c - U'A' + U'a' : c;
        if (m_groups.back().caseless) {
            const bool pair = (before == U's' && (letter == U's' || letter == U't')) ||
                              (before == U'f' && (letter == U'f' || letter == U'i' || letter == U'l'));
            if (pair) throw unsupported("letters without regard to case that one character can stand for");
        }
        atom(literal(c));
        m_letter = letter;
    }

    void atom(const std::string& expression) {
        m_atom = m_out.size();
        m_quantified = false;
        m_letter = U'\0';
        m_out += expression;
    }

    void element() {
        switch (peek()) {
            case '\\':
                ++m_at;
                escape();
                break;
            case '[':
                ++m_at;
                {
                    const CharacterSet set = characterClass(0);
                    atom(set.expression());
                    break;
                }
            case '(':
                ++m_at;
                openGroup();
                break;
            case ')':
                ++m_at;
                closeGroup();
                break;
            case '|':
                ++m_at;
                m_out += '|';
                m_atom.reset();
                m_letter = U'\0';
                break;
            case '*':
            case '+':
            case '?': {
                const char kind = m_pattern[m_at++];
                quantify(std::string(1, kind), true);
                break;
            }
            case '{': interval(); break;
            case '.':
                ++m_at;
                atom(".");
                break;
            case '^':
                ++m_at;
                atom("^");
                break;
            case '$':
                ++m_at;
                atom("$");
                break;
            default: character(takeCharacter());
        }
    }

    /// `possessive`: whether a plus sign after it makes it so.
    void quantify(const std::string& quantifier, bool possessive) {
        if (!m_atom) throw malformed("nothing to repeat");
        if (m_quantified) {  // a repeat of a repeat
            m_out.insert(*m_atom, "(?:");
            m_out += ')';
        }
        m_out += quantifier;
        if (take("?"))
            m_out += '?';
        else if (possessive && take("+"))
            m_out += '+';
        m_quantified = true;
    }

    /// `{n}`, `{n,}`, `{n,m}`, `{,m}`; a brace that opens none of them stands for itself.
    void interval() {
        std::size_t end = m_at + 1;
        const auto low = countAt(end);
        const bool comma = end < m_pattern.size() && m_pattern[end] == ',';
        if (comma) ++end;
        const auto high = comma ? countAt(end) : low;
        if (end >= m_pattern.size() || m_pattern[end] != '}' || (!low && !high)) {
            ++m_at;
            return atom(literal('{'));
        }
        if (low && high && *low > *high) throw malformed("a repeat with its bounds exchanged");
        m_at = end + 1;
        const std::string bounds =
            high ? fmt::format("{{{},{}}}", low.value_or(0), *high) : fmt::format("{{{},}}", *low);
        const bool orNone = !comma && take("?");  // {n}? is not lazy: n times, or not at all
        quantify(bounds, false);
        if (orNone) quantify("?", false);
    }

    /// The count at `at`, if there is one; `at` moves behind it.
    std::optional<int> countAt(std::size_t& at) const {
        const std::size_t begin = at;
        int value = 0;
        while (at < m_pattern.size() && m_pattern[at] >= '0' && m_pattern[at] <= '9') {
            value = value * 10 + (m_pattern[at++] - '0');
            if (value > 65535) throw malformed("a repeat count above 65535");
        }
        return at == begin ? std::nullopt : std::optional(value);
    }

    void openGroup() {
        if (m_groups.size() > kMaxNesting) throw unsupported("groups nested more than 64 deep");
        if (!take("?")) return push("(");
        for (const std::string_view plain : {":", "=", "!", ">", "<=", "<!"})
            if (take(plain)) return push(fmt::format("(?{}", plain));
        if (take("#")) return skipComment();
        if (take("<")) return push(fmt::format("(?<{}>", groupName('>')));
        openOptions();
    }

    void skipComment() {
        const auto end = m_pattern.find(')', m_at);
        if (end == std::string_view::npos) throw malformed("a comment is not closed");
        m_at = end + 1;
    }

    /// Options of a group, or of what follows in the enclosing one, its other branches included.
    void openOptions() {
        std::string options;
        bool caseless = m_groups.back().caseless;
        bool on = true;
        for (; peek() == 'i' || peek() == 'm' || peek() == '-'; ++m_at) {
            options += peek() == 'm' ? 's' : peek();  // Ruby's "multi line" lets a dot match line feeds
            if (peek() == '-') on = false;
            if (peek() == 'i') caseless = on;
        }
        if (take(":")) {
            push(fmt::format("(?{}:", options));
            m_groups.back().caseless = caseless;
            return;
        }
        if (options.empty() || !take(")"))
            throw unsupported(
                fmt::format("the group \"(?{}{}\"", options, lossyUtf8(m_pattern.substr(m_at, 1))));
        m_out += fmt::format("(?{}:", options);
        m_groups.back().caseless = caseless;
        ++m_groups.back().scopes;
        if (m_groups.back().scopes > kMaxNesting) throw unsupported("more than 64 option settings");
        m_atom.reset();
        m_letter = U'\0';
    }

    void push(const std::string& opening) {
        m_groups.push_back({m_out.size(), 0, m_groups.back().caseless});
        m_out += opening;
        m_atom.reset();
        m_letter = U'\0';
    }

    void closeGroup() {
        if (m_groups.size() == 1) throw malformed("a closing parenthesis without its opening");
        const Group group = m_groups.back();
        m_groups.pop_back();
        m_out.append(group.scopes + 1, ')');
        m_atom = group.begin;
        m_quantified = false;
        m_letter = U'\0';
    }

    std::string groupName(char closing) {
        const auto end = m_pattern.find(closing, m_at);
        if (end == std::string_view::npos || end == m_at) throw malformed("a group's name is not closed");
        std::string name(m_pattern.substr(m_at, end - m_at));
        for (std::size_t i = 0; i < name.size(); ++i) {
            const char c = name[i];
            const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
            if (!letter && !(i > 0 && c >= '0' && c <= '9'))
                throw unsupported("the group name " + inQuotes(name));
        }
        m_at = end + 1;
        return name;
    }

    void escape() {
        if (atEnd()) throw malformed("a backslash at the end");
        if (const auto set = escapedSet(kWord)) return atom(set->expression());
        if (peek() >= '1' && peek() <= '9') return backReference();
        for (const auto& [name, expression] : kEscapedExpressions)
            if (take({&name, 1})) return atom(expression);
        if (take("b")) return wordBoundary("(?:(?<={0})(?!{0})|(?<!{0})(?={0}))");
        if (take("B")) return wordBoundary("(?:(?<={0})(?={0})|(?<!{0})(?!{0}))");
        if (take("k")) {
            if (!take("<")) throw unsupported("\"\\k\" without a name");
            return atom(fmt::format("\\k<{}>", groupName('>')));
        }
        character(escapedCharacter(false));
    }

    void backReference() {
        std::string number;
        while (peek() >= '0' && peek() <= '9' && number.size() < 4) number += m_pattern[m_at++];
        atom(fmt::format("\\g{{{}}}", number));
    }

    void wordBoundary(const char* form) { atom(fmt::format(fmt::runtime(form), fmt::format("[{}]", kWord))); }

    /// After a backslash: one of the escapes that stand for a set of characters. `word`: items of "\w" here.
    std::optional<CharacterSet> escapedSet(const char* word) {
        for (const auto& [name, items] : kEscapedSets)
            if (take({&name, 1})) return setOf(items);
        if (take("w")) return setOf(word);
        if (take("W")) return negated(setOf(word));
        if (take("p")) return escapedProperty('p', word);
        if (take("P")) return escapedProperty('P', word);
        return std::nullopt;
    }

    /// After "\p" or "\P": a property's name in braces.
    CharacterSet escapedProperty(char letter, const char* word) {
        if (!take("{")) throw unsupported(fmt::format("\"\\{}\" without a name in braces", letter));
        const bool negative = (letter == 'P') != take("^");
        const auto end = m_pattern.find('}', m_at);
        if (end == std::string_view::npos) throw malformed("a property's name is not closed");
        const std::string_view name = m_pattern.substr(m_at, end - m_at);
        auto set = propertySet(name, word);
        if (!set) throw unsupported("the property " + inQuotes(name));
        m_at = end + 1;
        if (!negative) return *set;
        if (set->items.rfind("\\p{", 0) == 0 && set->items.find('}') + 1 == set->items.size()) {
            set->items[1] = 'P';
            return *set;
        }
        return negated(*set);
    }

    /// After a backslash: an escape that stands for one character.
    char32_t escapedCharacter(bool inClass) {
        if (atEnd()) throw malformed("a backslash at the end");
        for (const auto& [name, character] : kEscapes)
            if (take({&name, 1})) return character;
        if (inClass && take("b")) return U'\b';
        if (take("0")) return digits(8, 0, 2);
        if (take("x")) return hexCharacter();
        if (take("u")) return digits(16, 4, 4);
        if (isAsciiAlphanumeric(static_cast<unsigned char>(peek())))
            throw unsupported(fmt::format("\"\\{}\"", peek()));
        return takeCharacter();
    }

    /// After "\x": two digits, or some in braces.
    char32_t hexCharacter() {
        const bool braces = take("{");
        const char32_t value = digits(16, 1, braces ? 8 : 2);
        if (braces && !take("}")) throw malformed("a character's number is not closed");
        if (!braces && value > 0x7F) throw unsupported("single bytes above \\x7F");
        return value;
    }

    char32_t digits(int base, int fewest, int most) {
        std::uint32_t value = 0;
        int count = 0;
        for (; count < most; ++count) {
            const char c = peek();
            int digit = 99;
            if (c >= '0' && c <= '9') digit = c - '0';
            if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
            if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
            if (digit >= base) break;
            value = value * static_cast<std::uint32_t>(base) + static_cast<std::uint32_t>(digit);
            ++m_at;
        }
        if (count < fewest) throw malformed("too few digits in a character's number");
        if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) throw malformed("no such character");
        return value;
    }

    /// After an opening bracket, up to and with the closing one.
    CharacterSet characterClass(std::size_t depth) {
        if (depth > kMaxNesting) throw unsupported("classes nested more than 64 deep");
        const bool negative = take("^");
        std::vector<CharacterSet> sides(1);  // of "&&"
        for (bool first = true; first || peek() != ']'; first = false) {
            if (atEnd()) throw malformed("a character class is not closed");
            if (take("&&")) {
                if (sides.size() > kMaxNesting) throw unsupported("more than 64 \"&&\" in one class");
                sides.emplace_back();
            } else {
                classItem(sides.back(), depth);
            }
        }
        ++m_at;
        const CharacterSet result = intersection(sides);
        return negative ? negated(result) : result;
    }

    /// What all sides hold. Throws for an empty one.
    CharacterSet intersection(const std::vector<CharacterSet>& sides) const {
        for (const auto& side : sides)
            if (side.items.empty() && side.others.empty()) throw malformed("an empty character class");
        if (sides.size() == 1) return sides.front();
        std::string all;
        for (std::size_t i = 1; i < sides.size(); ++i) all += fmt::format("(?={})", sides[i].expression());
        return {"", {fmt::format("(?:{}{})", all, sides.front().expression())}};
    }

    /// In a class: a class within it, an escape, a character, or a range.
    void classItem(CharacterSet& set, std::size_t depth) {
        if (peek() == '[' && peek(1) == ':') return set.add(posixBracket());
        if (take("[")) return set.add(characterClass(depth + 1));
        const bool escaped = take("\\");
        if (!escaped) return characterOrRange(set, takeCharacter(), false);
        if (auto known = escapedSet(kPosixWord)) {
            set.add(std::move(*known));
            // No range starts with a set: the hyphen stands for itself.
            if (take("-")) set.items += literal('-');
            return;
        }
        characterOrRange(set, escapedCharacter(true), true);
    }

    /// After the character `low` in a class: adds it, or the range that it begins.
    void characterOrRange(CharacterSet& set, char32_t low, bool escaped) {
        set.items += literal(low);
        if (peek() != '-' || peek(1) == ']' || m_at + 1 >= m_pattern.size()) return;
        if (low == '-' && !escaped) return;  // a hyphen that stands first stands for itself
        ++m_at;
        const char32_t high = endOfRange();
        if (high < low) throw malformed("a range with its ends exchanged");
        set.items += '-' + literal(high);
    }

    char32_t endOfRange() {
        const char* const aSet = "a range that ends with a set";
        if (peek() == '[') throw unsupported(aSet);
        if (!take("\\")) return takeCharacter();
        if (escapedSet(kPosixWord)) throw unsupported(aSet);
        return escapedCharacter(true);
    }

    CharacterSet posixBracket() {
        const auto end = m_pattern.find(":]", m_at + 2);
        if (end == std::string_view::npos) throw malformed("a POSIX bracket is not closed");
        std::string_view name = m_pattern.substr(m_at + 2, end - m_at - 2);
        const bool negative = !name.empty() && name.front() == '^';
        if (negative) name.remove_prefix(1);
        // Those whose members are beyond doubt.
        for (const std::string_view known :
             {"alnum", "alpha", "digit", "lower", "space", "upper", "word", "xdigit"}) {
            if (name != known) continue;
            m_at = end + 2;
            const auto set = *propertySet(name, kPosixWord);
            return negative ? negated(set) : set;
        }
        throw unsupported("the bracket " + inQuotes(m_pattern.substr(m_at, end + 2 - m_at)));
    }

    std::string_view m_pattern;
    const Place& m_place;
    std::size_t m_at = 0;
    std::string m_out;
    std::optional<std::size_t> m_atom;  ///< where in m_out the last atom begins
    bool m_quantified = false;          ///< whether it has a quantifier already
    char32_t m_letter = U'\0';          ///< the last atom, if it is one character, in lower case
    std::vector<Group> m_groups;
};

}  // namespace

std::string pcreOfOniguruma(std::string_view pattern, const Place& place) {
    return Translator(pattern, place).run();
}

}  // namespace rheo
