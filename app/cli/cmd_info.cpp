// rheo info: what a model folder or a file is, and what can be done with it.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <variant>

#include "app/cli/commands.h"
#include "core/base/error.h"
#include "core/base/printable.h"
#include "core/checkpoint/cached_models.h"
#include "core/checkpoint/gguf.h"
#include "core/checkpoint/model_cache.h"
#include "core/session/describe_file.h"
#include "core/session/recipe.h"
#include "core/trace/trace_reader.h"
#include "widgets/paint/recipe_file.h"

namespace rheo::cli {

namespace fs = std::filesystem;

namespace {

struct Options {
    std::string path;
    int batch = 8;
    std::int64_t tokens = 0;
    std::vector<std::string> acceptedKeys;
};

/// What the tokenizer's notes say; why it cannot be read joins `unsupported`.
std::vector<std::string> notesOfTokenizer(const Checkpoint& checkpoint, nlohmann::ordered_json& unsupported) {
    if (!checkpoint.tokenizerPath()) return {};
    try {
        return Tokenizer::open(checkpoint.folder())->notes();
    } catch (const Error& error) {
        unsupported.push_back(fmt::format("{}; the model can be run by token ids (--ids)", error.what()));
        return {};
    }
}

void sayShape(const Console& console, const Checkpoint& checkpoint, const std::vector<ResidualPoint>& points,
              const MemoryForecast& forecast) {
    const ModelConfig& config = checkpoint.config();
    console.say(fmt::format("model        {}, {} layers of {} units, {} heads ({} for keys and values)",
                            config.architecture, config.layers, config.dModel, config.heads, config.kvHeads));
    console.say(fmt::format("vocabulary   {}{}", config.vocabulary,
                            checkpoint.tokenizerPath() ? "" : " (no tokenizer: token ids only)"));
    console.say(
        fmt::format("positions    {}{}", config.maxPositions,
                    config.trainedPositions ? fmt::format(", trained on {}", *config.trainedPositions) : ""));
    const char* increments =
        config.attnPostNorm || config.mlpPostNorm ? "; what each block adds is normalised first" : "";
    if (config.parallelBlocks)
        console.say(
            fmt::format("points       {}: {} to final; attention and MLP read the same state, so there is "
                        "none between them{}",
                        points.size(), pointName(points.front()), increments));
    else
        console.say(fmt::format("points       {}: {} to final{}", points.size(), pointName(points.front()),
                                increments));
    console.say(fmt::format("parameters   {}, stored as {}", forecast.parameters,
                            config.storedDType.empty() ? "the files say" : config.storedDType));
}

void sayMemory(const Options& options, const Common& common, const MemoryForecast& forecast,
               std::int64_t tokens) {
    const Console& console = common.console;
    const bool onProcessor = common.device == "cpu";
    console.say(fmt::format(
        "memory       {} of weights in {} on {}, {} while they are loaded; at most {} to capture {} "
        "prompts of {} tokens at once; 160 MiB more for the program",
        formatBytes(double(forecast.loadBytes)), common.dtype, common.device,
        formatBytes(double(forecast.peakLoadBytes)), formatBytes(double(forecast.captureBytes)),
        options.batch, tokens));
    if (const auto available = onProcessor ? availableMemory() : std::nullopt)
        console.say(fmt::format("available    {}{}", formatBytes(double(*available)),
                                *available < forecast.peakLoadBytes ? ": not enough to load it" : ""));
}

int infoOfModel(const Options& options, Common& common) {
    const Console& console = common.console;
    const DType dtype = dtypeOf(common);
    nlohmann::ordered_json result{{"kind", "model"}};
    std::shared_ptr<const Checkpoint> checkpoint;
    try {
        checkpoint = Checkpoint::open(options.path, AcceptedKeys(options.acceptedKeys));
    } catch (const Error& e) {
        if (e.code() != ErrorCode::Unsupported) throw;
        result["architecture"] = architectureOf(locateModel(options.path));
        result["unsupported"] = {e.what()};
        result["error"] = {
            {"code", errorCodeName(e.code())}, {"message", e.what()}, {"context", e.context()}};
        console.result(result);
        complain(e.what());
        return 1;
    }
    const ModelConfig& config = checkpoint->config();
    const auto points = residualPoints(static_cast<int>(config.layers), config.parallelBlocks);
    const std::int64_t tokens =
        options.tokens > 0 ? options.tokens : std::min<std::int64_t>(512, config.maxPositions);
    const MemoryForecast forecast = checkpoint->forecast(dtype, options.batch, tokens);
    nlohmann::ordered_json unsupported = nlohmann::ordered_json::array();
    if (!checkpoint->weightsMissing().empty()) unsupported.push_back(checkpoint->weightsMissing());
    const std::vector<std::string> tokenizerNotes = notesOfTokenizer(*checkpoint, unsupported);
    if (common.device == "cpu" && dtype == DType::Float16)
        unsupported.push_back("float16 is computed on CUDA only; on the CPU take float32 or bfloat16");
    result.update({{"architecture", config.architecture},
                   {"layers", config.layers},
                   {"d_model", config.dModel},
                   {"heads", config.heads},
                   {"kv_heads", config.kvHeads},
                   {"vocabulary", config.vocabulary},
                   {"points", points.size()},
                   {"dtype", config.storedDType},
                   {"parameters", forecast.parameters},
                   {"memory_bytes", {{"load", forecast.loadBytes}, {"capture", forecast.captureBytes}}},
                   {"notes", config.notes},
                   {"tokenizer_notes", tokenizerNotes},
                   {"unsupported", unsupported}});
    console.result(result);

    sayShape(console, *checkpoint, points, forecast);
    sayMemory(options, common, forecast, tokens);
    for (const std::string& note : config.notes) console.say("note         " + note);
    for (const auto& note : tokenizerNotes) console.say("tokenizer    " + note);
    for (const auto& reason : unsupported)
        if (reason != checkpoint->weightsMissing()) console.say("unsupported  " + reason.get<std::string>());
    if (checkpoint->weightsMissing().empty()) return 0;
    complain(checkpoint->weightsMissing());
    return 1;
}

int infoOfTrace(const Options& options, Common& common) {
    const auto trace = TraceReader::open(options.path);
    const TraceInfo& info = trace->info();
    nlohmann::ordered_json model = nullptr;
    if (info.model)
        model = {{"architecture", info.model->architecture},
                 {"layers", info.model->layers},
                 {"d_model", info.model->dModel},
                 {"vocabulary", info.model->vocabulary},
                 {"dtype", info.model->dtype},
                 {"weights_sha256", info.model->weightsSha256},
                 {"notes", info.model->notes},
                 {"accepted_config_keys", info.model->acceptedKeys}};
    common.console.result({{"kind", "trace"},
                           {"rows", trace->storedRows()},
                           {"points", info.points.size()},
                           {"d_model", info.units},
                           {"complete", trace->completeRows()},
                           {"model", model}});
    const Console& console = common.console;
    console.say(fmt::format(
        "trace        {} rows of {} samples{}", trace->storedRows(), info.samples.size(),
        trace->completeRows() < trace->storedRows()
            ? fmt::format("; {} complete (go on with rheo capture --resume)", trace->completeRows())
            : ""));
    console.say(fmt::format("points       {}: {} to {}", info.points.size(), pointName(info.points.front()),
                            pointName(info.points.back())));
    console.say(
        fmt::format("units        {}, stored as {}", info.units, info.bfloat16 ? "bfloat16" : "float32"));
    if (info.model)
        console.say(fmt::format("model        {}, {} layers, computed in {}{}", info.model->architecture,
                                info.model->layers, info.model->dtype,
                                info.model->untrainedSeed
                                    ? fmt::format(", untrained (seed {})", *info.model->untrainedSeed)
                                    : ""));
    else
        console.say("model        not said: what needs the model is not available");
    if (info.model)
        for (const std::string& note : info.model->notes) console.say("note         " + note);
    if (!info.origin.empty()) console.say("origin       " + info.origin);
    return 0;
}

/// A key of a description as the label of a line: "d_model" as "d model", thirteen wide with the space.
std::string label(std::string key) {
    std::replace(key.begin(), key.end(), '_', ' ');
    return fmt::format("{:<12}", key);
}

void show(const FileDescription& file, const Console& console) {
    nlohmann::ordered_json result{{"kind", file.kind}};
    console.say(label(file.kind) + ' ' + file.summary);
    for (const auto& [key, value] : file.facts)
        std::visit(
            [&, name = key](const auto& v) {
                result[name] = v;
                if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::vector<std::string>>)
                    console.say(label(name) + ' ' +
                                (v.empty() ? "none" : fmt::format("{}", fmt::join(v, ", "))));
                else
                    console.say(fmt::format("{} {}", label(name), v));
            },
            value);
    if (!file.next.empty()) {
        result["next"] = file.next;
        console.say(label("next") + ' ' + file.next);
    }
    console.result(result);
}

/// A figure that was exported with its recipe, as a description.
std::optional<FileDescription> describeFigure(const std::string& path) {
    static const std::set<std::string> endings{".svg", ".pdf", ".png"};
    if (!endings.contains(fs::path(path).extension().string())) return std::nullopt;
    const auto json = readRecipe(path);
    if (!json) return FileDescription{"figure", "a picture without a recipe of Rheograph", {}, ""};
    const Recipe recipe = recipeFromJson(*json);
    FileDescription found{"figure", "a figure of rheo figure, with the recipe that made it", {}, ""};
    found.facts.emplace_back("view", recipe.view);
    std::vector<std::string> sources;
    for (const auto& source : recipe.sources) sources.push_back(source.path);
    found.facts.emplace_back("sources", sources);
    found.facts.emplace_back("size_mm", fmt::format("{} x {}", recipe.widthMm, recipe.heightMm));
    found.facts.emplace_back("made", recipe.time);
    found.next = "make it again: " + commandLine({"figure", "--recipe", path, "--out",
                                                  "new" + fs::path(path).extension().string()});
    return found;
}

int infoOfFile(const Options& options, const CLI::App& command, Common& common) {
    for (const char* option : {"--batch", "--max-tokens", "--dtype", "--device", "--accept-unknown-config"}) {
        const CLI::Option* own = command.get_option_no_throw(option);
        const CLI::Option* given = own != nullptr ? own : command.get_parent()->get_option_no_throw(option);
        if (given != nullptr && given->count() > 0)
            throw UsageError(
                fmt::format("{} is for the forecast of a model, and {} is a file", option, options.path),
                option);
    }
    auto figure = describeFigure(options.path);
    const FileDescription file = figure ? *figure : describeFile(options.path);
    if (file.kind == "trace") return infoOfTrace(options, common);
    show(file, common.console);
    return 0;
}

int run(const Options& options, const CLI::App& command, Common& common) {
    std::error_code ignored;
    if (fs::is_directory(options.path, ignored) || isGgufFile(options.path))
        return infoOfModel(options, common);
    if (fs::exists(options.path, ignored)) return infoOfFile(options, command, common);
    // What ends as a file does is no name of a model in the cache.
    static const std::set<std::string> endings{".h5",   ".hdf5", ".npy",   ".npz", ".safetensors",
                                               ".gguf", ".json", ".jsonl", ".txt", ".svg",
                                               ".png",  ".pdf",  ".pth",   ".bin"};
    if (const auto ending = fs::path(options.path).extension().string(); endings.contains(ending))
        throw Error(ErrorCode::NotFound,
                    fmt::format("there is no {} {}", ending == ".h5" ? "trace file" : "file", options.path),
                    options.path);
    return infoOfModel(options, common);  // ORG/NAME, or nothing: then that is said
}

}  // namespace

void addInfo(CLI::App& app, Command& chosen) {
    auto* command =
        app.add_subcommand("info", "what a model folder or any file is, and what it needs or is good for");
    auto options = std::make_shared<Options>();
    command
        ->add_option("path", options->path,
                     "model folder, ORG/NAME in the Hugging Face cache, ollama:NAME, or any file")
        ->required()
        ->type_name("PATH");
    command->add_option("--batch", options->batch, "prompts at once, for the forecast of memory")
        ->check(wholeNumber(1, 1 << 20))
        ->type_name("B");
    command
        ->add_option("--max-tokens", options->tokens,
                     "tokens a prompt, for the forecast of memory; left out: 512, or fewer where the model "
                     "has fewer positions")
        ->check(wholeNumber(1, 1 << 24))
        ->default_str("")
        ->type_name("M");
    addAcceptOption(*command, options->acceptedKeys);
    command->callback([options, command, &chosen] {
        chosen = [options, command](Common& common) { return run(*options, *command, common); };
    });
}

}  // namespace rheo::cli
