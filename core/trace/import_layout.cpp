#include "core/trace/import_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/error.h"
#include "core/checkpoint/json.h"

namespace rheo {

namespace {

constexpr std::array<std::pair<ImportAxis, std::string_view>, 4> axisNames{{
    {ImportAxis::Batch, "batch"},
    {ImportAxis::Row, "row"},
    {ImportAxis::Point, "point"},
    {ImportAxis::Unit, "unit"},
}};

std::string_view axisName(ImportAxis axis) {
    for (const auto& [key, name] : axisNames)
        if (key == axis) return name;
    return "";
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
    return text;
}

std::vector<std::string_view> splitList(std::string_view text) {
    std::vector<std::string_view> words;
    while (true) {
        const auto comma = text.find(',');
        words.push_back(trimmed(text.substr(0, comma)));
        if (comma == std::string_view::npos) return words;
        text.remove_prefix(comma + 1);
    }
}

bool isDigit(char c) {
    return c >= '0' && c <= '9';
}

/// A state of the residual stream as TransformerLens names it.
struct Hook {
    int block = 0;
    enum class Place { Pre, Mid, Post } place = Place::Pre;
    auto operator<=>(const Hook&) const = default;
};

std::optional<Hook> parseHook(std::string_view name) {
    // In an HDF5 file the name may lie in groups.
    if (const auto slash = name.rfind('/'); slash != std::string_view::npos) name.remove_prefix(slash + 1);
    constexpr std::string_view prefix = "blocks.";
    if (!name.starts_with(prefix)) return std::nullopt;
    name.remove_prefix(prefix.size());
    Hook hook;
    const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), hook.block);
    if (failed != std::errc{} || hook.block < 0 || hook.block > 1'000'000) return std::nullopt;
    name.remove_prefix(static_cast<std::size_t>(end - name.data()));
    if (name == ".hook_resid_pre")
        hook.place = Hook::Place::Pre;
    else if (name == ".hook_resid_mid")
        hook.place = Hook::Place::Mid;
    else if (name == ".hook_resid_post")
        hook.place = Hook::Place::Post;
    else
        return std::nullopt;
    return hook;
}

ImportChoice chooseHooks(const std::vector<std::string>& names, const std::map<Hook, std::size_t>& hooks) {
    ImportChoice choice;
    choice.convention = ImportConvention::TransformerLens;
    const bool hasMiddle = std::any_of(
        hooks.begin(), hooks.end(), [](const auto& entry) { return entry.first.place == Hook::Place::Mid; });
    const Site before = hasMiddle ? Site::AttnIn : Site::BlockIn;
    const int last = hooks.rbegin()->first.block;
    std::set<std::size_t> hooked;
    int expected = hooks.begin()->first.block;
    for (const auto& [hook, index] : hooks) {
        for (; expected < hook.block; ++expected) choice.missingBlocks.push_back(expected);
        expected = hook.block + 1;
        hooked.insert(index);
        ResidualPoint point{hook.block, before};
        if (hook.place == Hook::Place::Mid) point.site = Site::MlpIn;
        if (hook.place == Hook::Place::Post) {
            const auto next = hooks.find({hook.block + 1, Hook::Place::Pre});
            if (next != hooks.end()) {
                choice.repeated.push_back({index, next->second});
                continue;
            }
            // What leaves a block enters the next; what leaves the last is the final state.
            point =
                hook.block == last ? ResidualPoint{-1, Site::Final} : ResidualPoint{hook.block + 1, before};
        }
        choice.arrays.push_back(index);
        choice.points.push_back(point);
    }
    for (std::size_t i = 0; i < names.size(); ++i)
        if (!hooked.contains(i)) choice.others.push_back(i);
    return choice;
}

std::string lowerCase(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return lower;
}

bool isHiddenStates(std::string_view given) {
    const std::string name = lowerCase(given);
    return name.find("hidden_states") != std::string::npos || name.find("hiddenstates") != std::string::npos;
}

}  // namespace

std::vector<ImportAxis> parseLayout(std::string_view text) {
    const auto refuse = [&](const std::string& why) -> Error {
        return {ErrorCode::InvalidArgument,
                fmt::format("--layout {}: {}; give the axes of the array in its order, out of batch, row, "
                            "point and unit, for instance row,point,unit",
                            text, why)};
    };
    std::vector<ImportAxis> layout;
    for (const auto word : splitList(text)) {
        const auto found = std::find_if(axisNames.begin(), axisNames.end(),
                                        [&](const auto& entry) { return entry.second == word; });
        if (found == axisNames.end()) throw refuse(fmt::format("'{}' is no axis", word));
        if (std::find(layout.begin(), layout.end(), found->first) != layout.end())
            throw refuse(fmt::format("{} is there twice", word));
        layout.push_back(found->first);
    }
    const auto has = [&](ImportAxis axis) {
        return std::find(layout.begin(), layout.end(), axis) != layout.end();
    };
    if (!has(ImportAxis::Unit)) throw refuse("unit is missing");
    if (!has(ImportAxis::Row) && !has(ImportAxis::Batch)) throw refuse("row is missing");
    return layout;
}

std::string layoutName(const std::vector<ImportAxis>& layout) {
    std::vector<std::string_view> names;
    for (const auto axis : layout) names.push_back(axisName(axis));
    return fmt::format("{}", fmt::join(names, ","));
}

bool naturalLess(std::string_view a, std::string_view b) {
    const std::string_view wholeA = a, wholeB = b;
    const auto takeDigits = [](std::string_view& text) {
        std::size_t count = 0;
        while (count < text.size() && isDigit(text[count])) ++count;
        std::string_view digits = text.substr(0, count);
        text.remove_prefix(count);
        while (digits.size() > 1 && digits.front() == '0') digits.remove_prefix(1);
        return digits;
    };
    while (!a.empty() && !b.empty()) {
        if (isDigit(a.front()) && isDigit(b.front())) {
            const auto x = takeDigits(a), y = takeDigits(b);
            if (x.size() != y.size()) return x.size() < y.size();
            if (x != y) return x < y;
        } else {
            if (a.front() != b.front()) return a.front() < b.front();
            a.remove_prefix(1);
            b.remove_prefix(1);
        }
    }
    if (a.empty() != b.empty()) return a.empty();
    return wholeA < wholeB;  // "x.01" and "x.1"
}

namespace {

bool isLetter(char c) {
    return std::isalpha(static_cast<unsigned char>(c)) != 0;
}

bool isSeparator(char c) {
    return c == '_' || c == '-' || c == '.' || c == '/';
}

/// Where the digits of a sample's number lie in `name`, if `word` is there at `at` with a number behind it.
struct Digits {
    std::size_t first, end;
};
std::optional<Digits> numberBehind(std::string_view name, std::size_t at, std::string_view word) {
    if (!name.substr(at).starts_with(word)) return std::nullopt;
    std::size_t first = at + word.size();
    if (first < name.size() && name[first] == 's') ++first;
    while (first < name.size() && isSeparator(name[first])) ++first;
    std::size_t end = first;
    while (end < name.size() && isDigit(name[end])) ++end;
    const bool isNumber = end > first && (end == name.size() || !isLetter(name[end]));
    return isNumber ? std::optional(Digits{first, end}) : std::nullopt;
}

}  // namespace

std::optional<SampleName> parseSampleName(std::string_view name) {
    constexpr std::array<std::string_view, 12> words{"sample",  "prompt",   "text",  "sequence",
                                                     "seq",     "document", "doc",   "sentence",
                                                     "example", "passage",  "batch", "story"};
    const std::string lower = lowerCase(name);
    for (std::size_t at = 0; at < lower.size(); ++at) {
        if (at > 0 && isLetter(lower[at - 1])) continue;
        for (const auto word : words) {
            const auto digits = numberBehind(lower, at, word);
            if (!digits) continue;
            std::string rest = std::string(name.substr(0, at)) + std::string(name.substr(digits->end));
            while (!rest.empty() && isSeparator(rest.back())) rest.pop_back();
            rest.erase(rest.begin(), std::find_if_not(rest.begin(), rest.end(), isSeparator));
            return SampleName{std::string(name.substr(digits->first, digits->end - digits->first)), rest};
        }
    }
    return std::nullopt;
}

SideRole sideRole(std::string_view name) {
    constexpr std::array<std::pair<std::string_view, SideRole>, 10> roles{{
        {"attention_mask", SideRole::Mask},
        {"attention_masks", SideRole::Mask},
        {"lengths", SideRole::Lengths},
        {"length", SideRole::Lengths},
        {"seq_lengths", SideRole::Lengths},
        {"seq_lens", SideRole::Lengths},
        {"sequence_lengths", SideRole::Lengths},
        {"prompt_lengths", SideRole::Lengths},
        {"input_ids", SideRole::TokenIds},
        {"token_ids", SideRole::TokenIds},
    }};
    std::string last = lowerCase(name);
    if (const auto sample = parseSampleName(last); sample && !sample->rest.empty()) last = sample->rest;
    if (const auto end = last.find_last_of("/."); end != std::string::npos) last.erase(0, end + 1);
    for (const auto& [known, role] : roles)
        if (last == known) return role;
    return SideRole::None;
}

namespace {

/// A name cut at its last number: what is before, the number, what is behind. Absent without one, or where
/// the number has more than nine digits.
struct NumberedName {
    std::string before, behind;
    std::int64_t number = 0;
};

std::optional<NumberedName> parseNumbered(const std::string& name) {
    const auto last = name.find_last_of("0123456789");
    if (last == std::string::npos) return std::nullopt;
    std::size_t first = last;
    while (first > 0 && isDigit(name[first - 1])) --first;
    if (last - first >= 9) return std::nullopt;
    return NumberedName{name.substr(0, first), name.substr(last + 1),
                        std::stoll(name.substr(first, last + 1 - first))};
}

/// The numbers of a series; empty where names are none.
std::vector<std::int64_t> seriesNumbers(const std::vector<std::string>& names) {
    std::vector<std::int64_t> numbers;
    const auto first = names.empty() ? std::nullopt : parseNumbered(names.front());
    for (const auto& name : names) {
        const auto parsed = parseNumbered(name);
        if (!parsed || parsed->before != first->before || parsed->behind != first->behind) return {};
        numbers.push_back(parsed->number);
    }
    return numbers;
}

}  // namespace

bool isNumberedSeries(const std::vector<std::string>& names) {
    return names.size() > 1 && !seriesNumbers(names).empty();
}

namespace {

/// Where a list of what is missing ends: the numbers come from names in a file, and may be any.
constexpr std::size_t mostMissing = 100'000;

}  // namespace

std::vector<std::int64_t> missingNumbers(const std::vector<std::string>& names) {
    std::vector<std::int64_t> numbers = seriesNumbers(names), missing;
    std::sort(numbers.begin(), numbers.end());
    for (std::size_t i = 1; i < numbers.size(); ++i)
        for (auto n = numbers[i - 1] + 1; n < numbers[i] && missing.size() < mostMissing; ++n)
            missing.push_back(n);
    return missing;
}

std::vector<ResidualPoint> missingPoints(const std::vector<ResidualPoint>& points) {
    std::set<std::pair<int, Site>> there;
    std::set<Site> sites;
    for (const auto& point : points)
        if (point.block >= 0 && point.site != Site::Unnamed) {
            there.emplace(point.block, point.site);
            sites.insert(point.site);
        }
    std::vector<ResidualPoint> missing;
    if (there.empty()) return missing;
    const auto first = *there.begin(), last = *there.rbegin();
    // Counted in 64 bits: the last block may be the largest int.
    for (std::int64_t block = first.first; block <= last.first && missing.size() < mostMissing; ++block)
        for (const Site site : sites) {
            const std::pair point(static_cast<int>(block), site);
            if (point > first && point < last && !there.contains(point))
                missing.push_back({point.first, site});
        }
    return missing;
}

ImportChoice chooseArrays(const std::vector<std::string>& names) {
    std::map<Hook, std::size_t> hooks;
    for (std::size_t i = 0; i < names.size(); ++i)
        if (const auto hook = parseHook(names[i]))
            if (!hooks.emplace(*hook, i).second)
                throw Error(ErrorCode::InvalidArgument,
                            fmt::format("two arrays are {}; choose between them with --tensors", names[i]),
                            names[i]);
    if (!hooks.empty()) return chooseHooks(names, hooks);

    ImportChoice choice;
    if (std::any_of(names.begin(), names.end(), isHiddenStates))
        choice.convention = ImportConvention::HiddenStates;
    for (std::size_t i = 0; i < names.size(); ++i)
        if (choice.convention == ImportConvention::None || isHiddenStates(names[i]))
            choice.arrays.push_back(i);
        else
            choice.others.push_back(i);
    std::sort(choice.arrays.begin(), choice.arrays.end(),
              [&](std::size_t a, std::size_t b) { return naturalLess(names[a], names[b]); });
    return choice;
}

std::vector<ResidualPoint> pointsFromSites(std::string_view sites, std::int64_t count) {
    std::vector<Site> cycle;
    bool endsFinal = false;
    for (const auto word : splitList(sites)) {
        const auto site = parseSite(word);
        if (!site || *site == Site::Unnamed || endsFinal)
            throw Error(ErrorCode::InvalidArgument,
                        fmt::format("--sites {}: '{}' is not one of attn_in, mlp_in, block_in, or final at "
                                    "the end; a JSON file can name each point",
                                    sites, word));
        if (*site == Site::Final)
            endsFinal = true;
        else
            cycle.push_back(*site);
    }
    const auto length = static_cast<std::int64_t>(cycle.size());
    if (length > 1 && count % length == 1) endsFinal = true;
    const std::int64_t cyclic = count - (endsFinal ? 1 : 0);
    if (length == 0 ? cyclic != 0 : cyclic % length != 0)
        throw Error(ErrorCode::Mismatch,
                    fmt::format("--sites {}: {} points are no whole number of blocks of {} points{}", sites,
                                count, length, endsFinal ? " and a final one" : ", with a final one or not"));
    std::vector<ResidualPoint> points;
    for (std::int64_t p = 0; p < cyclic; ++p)
        points.push_back({static_cast<int>(p / length), cycle[static_cast<std::size_t>(p % length)]});
    if (endsFinal) points.push_back({-1, Site::Final});
    return points;
}

std::vector<ResidualPoint> pointsFromJson(std::string_view text, const std::string& file,
                                          std::int64_t count) {
    const auto refuse = [&](const std::string& why) -> Error {
        return {
            ErrorCode::Format,
            fmt::format("{}: {}; a list of {} names was expected, [\"L00.attn_in\", ...]", file, why, count),
            file};
    };
    const bool bare = trimmed(text).starts_with('[');
    const nlohmann::json document =
        parseJsonObject(bare ? fmt::format("{{\"points\": {}}}", text) : std::string(text), file);
    if (!document.contains("points") || !document["points"].is_array())
        throw refuse("it holds no list \"points\"");
    std::vector<ResidualPoint> points;
    for (const auto& entry : document["points"]) {
        const auto point = entry.is_string() ? parsePointName(entry.get<std::string>()) : std::nullopt;
        if (!point) throw refuse(fmt::format("{} is no name of a point", entry.dump(-1, ' ', true)));
        points.push_back(*point);
    }
    if (static_cast<std::int64_t>(points.size()) != count)
        throw refuse(fmt::format("it names {} points", points.size()));
    return points;
}

}  // namespace rheo
