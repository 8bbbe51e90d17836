#include "core/trace/import_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>

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
    choice.others = names.size();
    const bool hasMiddle = std::any_of(
        hooks.begin(), hooks.end(), [](const auto& entry) { return entry.first.place == Hook::Place::Mid; });
    const Site before = hasMiddle ? Site::AttnIn : Site::BlockIn;
    const int last = hooks.rbegin()->first.block;
    for (const auto& [hook, index] : hooks) {
        --choice.others;
        ResidualPoint point{hook.block, before};
        if (hook.place == Hook::Place::Mid) point.site = Site::MlpIn;
        if (hook.place == Hook::Place::Post) {
            if (hooks.contains({hook.block + 1, Hook::Place::Pre})) {
                ++choice.repeated;
                continue;
            }
            // What leaves a block enters the next; what leaves the last is the final state.
            point =
                hook.block == last ? ResidualPoint{-1, Site::Final} : ResidualPoint{hook.block + 1, before};
        }
        choice.arrays.push_back(index);
        choice.points.push_back(point);
    }
    return choice;
}

bool isHiddenStates(std::string name) {
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
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
    choice.others = names.size() - choice.arrays.size();
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
