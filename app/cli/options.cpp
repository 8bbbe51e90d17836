// Options shared by several commands, and the small languages they are written in.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <sstream>
#include <utility>

#include "app/cli/commands.h"
#include "app/cli/ranks.h"
#include "core/base/error.h"
#include "core/base/output_claim.h"
#include "core/base/printable.h"
#include "core/capture/prompt_remarks.h"
#include "core/results/results_file.h"
#include "core/results/vector_file.h"
#include "core/session/forecast.h"
#include "core/tokenizer/tokenizer_folder.h"

namespace rheo::cli {

void ModelOption::addTo(CLI::App& command, bool required) {
    command
        .add_option("--model", name,
                    "model folder, GGUF file, ORG/NAME or ORG/NAME@REVISION of the Hugging Face cache, or "
                    "ollama:NAME")
        ->required(required)
        ->type_name("MODEL");
    CLI::Option* adapted = addAdapterOption(command, adapter);
    command.add_option("--untrained", untrained, "same architecture, with random weights from this seed")
        ->check(wholeNumber(0))
        ->excludes(adapted)
        ->type_name("SEED");
    addAcceptOption(command, acceptedKeys);
    command
        .add_option(
            "--weights", weights,
            "where the weights are while the model runs: in memory, or streamed from their files block "
            "by block; auto: streamed where they do not fit into memory")
        ->check(readBy(parseWeightPlace))
        ->type_name("auto|memory|stream");
}

void ModelOption::addLiteralTo(CLI::App& command) {
    command.add_flag("--literal", literal, "read special tokens that a text spells out (<s>) as text");
}

void warnOfPrompts(const std::vector<Sample>& samples, const OpenModel& model, Console& console) {
    for (const auto& note : model.tokenizerNotes) console.warn(note);
    if (model.tokenizer)
        for (const auto& remark : promptRemarks(samples, *model.tokenizer)) console.warn(remark);
}

OpenModel openModel(const ModelOption& option, const Common& common, Progress& progress) {
    OpenModel open;
    open.checkpoint = Checkpoint::open(option.name, AcceptedKeys(option.acceptedKeys), option.adapter);
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
    ModelOptions options{common.device, dtypeOf(common), common.threads, option.untrained};
    options.acceptedKeys = option.acceptedKeys;
    options.adapter = option.adapter;
    options.weights = parseWeightPlace(option.weights);
    open.model = Model::load(open.checkpoint, options, progress);
    if (const auto streamed = open.model->streamed())
        common.console.say(
            fmt::format("{}weights are streamed: each run of the network reads {} of them, in {}",
                        options.weights == WeightPlace::Automatic
                            ? "the model is larger than the memory that is free; its "
                            : "",
                        formatBytes(static_cast<double>(streamed->bytes)), timeText(streamed->seconds)));
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
        .add_flag(
            "--skew", skew,
            "do not orthogonalise the directions, only scale them to length 1; coordinates are then dual")
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
    if (path.empty()) return;
    claim(path);
    requireOutput(path, ifExists(), inputs);
}

void claim(const std::filesystem::path& output) {
    if (isFirstRank()) claimOutput(output);
}

void SelectOption::addTo(CLI::App& command) {
    command
        .add_option(
            "--select", conditions,
            "rows to use: position>=1, position<64, sample<500, group=code, token=\" Paris\", joined by "
            "commas (all must hold)")
        ->type_name("CONDITIONS");
}

}  // namespace rheo::cli
