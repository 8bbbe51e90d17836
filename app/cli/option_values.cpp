// Values of options: names, numbers, amounts; what commands need that run no model.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <numeric>
#include <sstream>
#include <utility>

#include "app/cli/commands.h"
#include "core/base/shell_word.h"

namespace rheo::cli {

namespace {

/// Least number of insertions, deletions, replacements and swaps of neighbours that make `b` of `a` (optimal
/// string alignment; Boytsov 2011). Upper and lower case are the same.
std::size_t editDistance(const std::string& a, const std::string& b) {
    const auto same = [](char x, char y) {
        return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
    };
    std::vector<std::size_t> before, above, row(b.size() + 1);  // of a prefix of `a` two and one shorter
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        before = std::exchange(above, row);
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            row[j + 1] = std::min({above[j] + (same(a[i], b[j]) ? 0 : 1), above[j + 1] + 1, row[j] + 1});
            if (i > 0 && j > 0 && same(a[i], b[j - 1]) && same(a[i - 1], b[j]))
                row[j + 1] = std::min(row[j + 1], before[j - 1] + 1);
        }
    }
    return row.back();
}

}  // namespace

std::string nearest(const std::string& name, const std::vector<std::string>& names) {
    std::string found;
    std::size_t least = std::max<std::size_t>(1, name.size() / 3) + 1;
    if (name.size() > 100) return found;
    for (const auto& candidate : names)
        if (const std::size_t distance = editDistance(name, candidate); distance < least) {
            least = distance;
            found = candidate;
        }
    return found;
}

CLI::Validator wholeNumber(std::uint64_t least, std::uint64_t most) {
    const bool open = most >= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    const std::string range = open ? fmt::format("from {}", least) : fmt::format("{} to {}", least, most);
    return {[=](std::string& text) -> std::string {
                std::uint64_t value = 0;
                const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
                const bool whole = wrong == std::errc{} && end == text.data() + text.size();
                if (whole && value >= least && value <= most) return {};
                const bool tooLarge = wrong == std::errc::result_out_of_range || (whole && value > most);
                return fmt::format("'{}' is {}a whole number {}", text,
                                   tooLarge ? "too large; it takes " : "not ",
                                   tooLarge && open ? fmt::format("up to {}", most) : range);
            },
            range};
}

CLI::Validator realNumber(double least, double most) {
    const std::string range = most == std::numeric_limits<double>::max()
                                  ? fmt::format("from {}", least)
                                  : fmt::format("{} to {}", least, most);
    return {[=](std::string& text) -> std::string {
                double value = 0;
                const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
                const bool number = wrong == std::errc{} && end == text.data() + text.size();
                return number && value >= least && value <= most
                           ? std::string()
                           : fmt::format("'{}' is not a number {}", text, range);
            },
            range};
}

UsageError unknownName(const std::string& kind, const std::string& name,
                       const std::vector<std::string>& names) {
    const std::string near = nearest(name, names);
    return UsageError(
        fmt::format("there is no {} '{}'{} There are {}", kind, name,
                    near.empty() ? "." : fmt::format("; did you mean {}?", near), fmt::join(names, ", ")),
        name);
}

void addAcceptOption(CLI::App& command, std::vector<std::string>& keys) {
    command
        .add_option("--accept-unknown-config", keys,
                    "open a model whose config.json has these unknown keys (or all), which is recorded")
        ->type_name("KEY,...")
        ->delimiter(',')
        ->default_str("")
        ->allow_extra_args(false);  // what follows is not another key
}

CLI::Option* addAdapterOption(CLI::App& command, std::string& adapter) {
    return command
        .add_option(
            "--adapter", adapter,
            "a LoRA adapter of PEFT to merge into the model's weights as they are read: its folder, or "
            "ORG/NAME in the Hugging Face cache")
        ->type_name("DIR");
}

DType dtypeOf(const Common& common) {
    if (const auto dtype = parseDType(common.dtype)) return *dtype;
    throw UsageError(fmt::format("--dtype {} is not one of float32, bfloat16, float16", common.dtype));
}

namespace {

template <class T>
std::vector<T> parseList(const std::string& list, const char* kind) {
    std::vector<T> values;
    std::stringstream in(list);
    for (std::string part; std::getline(in, part, ',');) {
        const auto first = part.find_first_not_of(" \t\n");
        const auto last = part.find_last_not_of(" \t\n");
        const std::string word = first == std::string::npos ? "" : part.substr(first, last - first + 1);
        T value{};
        const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), value);
        if (failed != std::errc{} || end != word.data() + word.size())
            throw UsageError(fmt::format("'{}' in '{}' is not {}", word, list, kind));
        if constexpr (std::is_floating_point_v<T>)
            if (!std::isfinite(value))
                throw UsageError(fmt::format("'{}' in '{}' is not finite", word, list));
        values.push_back(value);
    }
    if (values.empty() || list.ends_with(',')) throw UsageError(fmt::format("'{}' lacks {}", list, kind));
    return values;
}

}  // namespace

std::vector<std::int32_t> parseIds(const std::string& list) {
    return parseList<std::int32_t>(list, "a whole number of at most 10 digits, below 2^31");
}
std::vector<double> parseNumbers(const std::string& list) {
    return parseList<double>(list, "a number");
}

std::size_t parseBytes(const std::string& text) {
    double value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    const std::string unit(end, text.data() + text.size());
    double factor = 0;
    if (unit.empty() || unit == "B") factor = 1;
    if (unit == "K" || unit == "KiB") factor = 1024;
    if (unit == "M" || unit == "MiB") factor = 1024.0 * 1024;
    if (unit == "G" || unit == "GiB") factor = 1024.0 * 1024 * 1024;
    if (unit == "T" || unit == "TiB") factor = 1024.0 * 1024 * 1024 * 1024;
    if (failed != std::errc{} || factor == 0 || !(value * factor >= 1) || !(value * factor < 9e18))
        throw UsageError(fmt::format("'{}' is not an amount of memory; write 512M or 2G", text));
    return static_cast<std::size_t>(value * factor);
}

std::string formatDuration(double seconds) {
    const auto s = std::llround(std::clamp(seconds, 0.0, 1e15));
    if (s < 90) return fmt::format("{} s", s);
    if (s < 3600) return fmt::format("{} min {:02} s", s / 60, s % 60);
    return fmt::format("{} h {:02} min", s / 3600, s / 60 % 60);
}

std::string commandLine(const std::vector<std::string>& arguments) {
    std::string line = "rheo";
    for (const auto& argument : arguments) line += ' ' + shellWord(argument);
    return line;
}

}  // namespace rheo::cli
