// Options shared by several commands, and the small languages they are written in.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <sstream>
#include <utility>

#include "app/cli/commands.h"
#include "core/base/error.h"
#include "core/capture/prompt_remarks.h"
#include "core/results/results_file.h"
#include "core/results/vector_file.h"
#include "core/tokenizer/tokenizer_folder.h"

namespace rheo::cli {

namespace {

/// Least number of insertions, deletions and replacements that make `b` of `a` (Levenshtein).
std::size_t editDistance(const std::string& a, const std::string& b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
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

void ModelOption::addTo(CLI::App& command, bool required) {
    command
        .add_option("--model", name,
                    "model folder, GGUF file, ORG/NAME of a model in the Hugging Face cache, or ollama:NAME")
        ->required(required)
        ->type_name("MODEL");
    command.add_option("--untrained", untrained, "same shape, weights drawn anew from this seed")
        ->check(wholeNumber(0))
        ->type_name("SEED");
    addAcceptOption(command, acceptedKeys);
}

void ModelOption::addLiteralTo(CLI::App& command) {
    command.add_flag("--literal", literal, "read special tokens that a text spells out (<s>) as text");
}

void warnOfPrompts(const std::vector<Sample>& samples, const OpenModel& model, Console& console) {
    for (const auto& note : model.tokenizerNotes) console.warn(note);
    if (model.tokenizer)
        for (const auto& remark : promptRemarks(samples, *model.tokenizer)) console.warn(remark);
}

DType dtypeOf(const Common& common) {
    if (const auto dtype = parseDType(common.dtype)) return *dtype;
    throw UsageError(fmt::format("--dtype {} is not one of float32, bfloat16, float16", common.dtype));
}

OpenModel openModel(const ModelOption& option, const Common& common, Progress& progress) {
    OpenModel open;
    open.checkpoint = Checkpoint::open(option.name, AcceptedKeys(option.acceptedKeys));
    if (open.checkpoint->tokenizerPath()) {
        try {
            open.tokenizer = Tokenizer::open(open.checkpoint->folder());
            open.tokenizerNotes = open.tokenizer->notes();
            if (option.literal) open.tokenizer = open.tokenizer->literal();
        } catch (const Error& error) {
            // The model can still be run by token ids.
            if (error.code() != ErrorCode::Unsupported) throw;
            open.tokenizerNotes = {error.what()};
        }
    }
    progress.setStage("loading " + option.name);
    open.model = Model::load(open.checkpoint,
                             {common.device, dtypeOf(common), common.threads, option.untrained}, progress);
    return open;
}

void BasisOption::addTo(CLI::App& command) {
    resultsGiven = command.add_option("--basis", results, "results that hold a pooled PCA of raw states")
                       ->type_name("R.h5");
    axesGiven =
        command
            .add_option("--axes", axes,
                        "directions as axes, in place of principal components: one to three vectors of a "
                        "file, orthonormalised in their order")
            ->type_name("FILE[:NAME,...]");
    command
        .add_flag("--skew", skew, "the directions as they are, of length 1; coordinates are the dual ones")
        ->needs(axesGiven);
    axesGiven->excludes(resultsGiven);
}

std::optional<PcaBasis> BasisOption::read(const ModelIdentity* model) const {
    if (!results.empty()) return readPcaBasis(results);
    if (!axes.empty()) return readAxes(axes, skew ? AxesFrame::Skew : AxesFrame::Orthonormal, model);
    return std::nullopt;
}

std::string axesText(const PcaBasis& axes) {
    const MatrixD angles = anglesBetween(axes.components);
    std::string text;
    for (std::size_t i = 0; i < axes.names.size(); ++i) {
        text += (i > 0 ? ", " : "") + axes.names[i];
        for (std::size_t j = 0; axes.dual.size() > 0 && j < i; ++j)
            text += fmt::format(" ({:.1f} degrees from {})",
                                angles(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)),
                                axes.names[j]);
    }
    return text;
}

void TextOption::addTo(CLI::App& command, bool idsToo) {
    withIds = idsToo;
    textGiven = command.add_option("--text", text, "the prompt")->type_name("S");
    auto* fromFile =
        command.add_option("--text-file", file, "the prompt, byte for byte from a file")->type_name("F");
    textGiven->excludes(fromFile);
    if (withIds) {
        auto* given = command.add_option("--ids", ids, "the prompt as token ids; none is added")
                          ->check(readBy(parseIds))
                          ->type_name("1,2,3");
        given->excludes(textGiven)->excludes(fromFile);
    }
}

std::string TextOption::readText() const {
    std::string content = text;
    if (!file.empty())
        content = readFile(file, std::uintmax_t{1} << 30);
    else if (textGiven == nullptr || textGiven->count() == 0)
        throw UsageError(withIds ? "a prompt is needed: --text S, --text-file F or --ids 1,2,3"
                                 : "a text is needed: --text S or --text-file F");
    if (const auto bad = firstInvalidUtf8(content))
        throw Error(
            ErrorCode::Format,
            fmt::format("{} is not UTF-8: the byte at offset {} (0x{:02x}) does not belong there",
                        file.empty() ? "the text" : file, *bad, static_cast<unsigned char>(content[*bad])),
            file);
    return content;
}

const Tokenizer& requireTokenizer(const OpenModel& model, const std::string& advice) {
    if (model.tokenizer) return *model.tokenizer;
    throw Error(ErrorCode::NotFound, (model.tokenizerNotes.empty()
                                          ? fmt::format("this model has no tokenizer ({})", kTokenizerFiles)
                                          : model.tokenizerNotes.front()) +
                                         "; " + advice);
}

void TokenOption::addTo(CLI::App& command, const std::string& option, const std::string& what) {
    name = option;
    textGiven =
        command.add_option(option, text, what + "; its text, with the space before it")->type_name("S");
    idGiven = command.add_option(option + "-id", id, "the same as a token id")
                  ->check(wholeNumber(0, std::numeric_limits<std::int32_t>::max()))
                  ->type_name("ID");
    idGiven->excludes(textGiven);
}

std::int32_t TokenOption::readId(const OpenModel& model) const {
    if (!given()) return -1;
    if (id) return *id;
    const Tokenizer& tokenizer = requireTokenizer(model, fmt::format("give the token with {}-id", name));
    const auto ids = tokenizer.encode(text, false);
    if (ids.size() == 1) return ids[0];
    std::string pieces;
    for (const auto one : ids)
        pieces += fmt::format("{}'{}' {}", pieces.empty() ? "" : ", ", tokenizer.pieceText(one), one);
    throw Error(ErrorCode::InvalidArgument,
                fmt::format("{} '{}' is {} tokens{}{}; name one token, or its id with {}-id", name, text,
                            ids.size(), ids.empty() ? "" : ": ", pieces, name),
                name);
}

std::vector<std::int32_t> TextOption::readIds(const OpenModel& model, Console& console) const {
    if (!ids.empty()) return parseIds(ids);
    Sample sample;
    sample.tokenIds = requireTokenizer(model, "give token ids with --ids").encode(readText());
    warnOfPrompts({sample}, model, console);
    return sample.tokenIds;
}

CLI::Option* OutOption::addTo(CLI::App& command, const std::string& what, bool required) {
    auto* out = command.add_option("--out", path, what)->type_name("F");
    if (required) out->required();
    command.add_flag("--force", force, "replace the output if it is there")->needs(out);
    return out;
}

void OutOption::refuseEarly(const std::vector<std::filesystem::path>& inputs) const {
    if (!path.empty()) requireOutput(path, ifExists(), inputs);
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

void SelectOption::addTo(CLI::App& command) {
    command
        .add_option(
            "--select", conditions,
            "rows to use: position>=1, position<64, sample<500, group=code, token=\" Paris\", joined by "
            "commas (all must hold)")
        ->type_name("CONDITIONS");
}

std::string commandLine(const std::vector<std::string>& arguments) {
    std::string line = "rheo";
    for (const auto& argument : arguments) {
        const bool plain =
            !argument.empty() &&
            argument.find_first_not_of(
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./,:=") == std::string::npos;
        line += ' ';
        if (plain) {
            line += argument;
            continue;
        }
        line += '\'';
        for (const char c : argument) line += c == '\'' ? std::string("'\\''") : std::string(1, c);
        line += '\'';
    }
    return line;
}

}  // namespace rheo::cli
