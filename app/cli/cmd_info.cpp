// rheo info of a model: what it is and what it needs. Nothing here needs libtorch, so rheo answers it itself.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "app/cli/commands.h"
#include "app/cli/info.h"
#include "core/base/error.h"
#include "core/base/printable.h"
#include "core/checkpoint/adapter.h"
#include "core/checkpoint/cached_models.h"
#include "core/checkpoint/gguf.h"
#include "core/checkpoint/model_cache.h"

namespace rheo::cli {

namespace fs = std::filesystem;

namespace {

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

std::int64_t blocksWithExperts(const ModelConfig& config) {
    return std::count_if(config.blocks.begin(), config.blocks.end(),
                         [](const BlockConfig& block) { return block.experts; });
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
    console.say(fmt::format("parameters   {}, stored as {}{}", forecast.parameters,
                            config.storedDType.empty() ? "the files say" : config.storedDType,
                            config.experts ? fmt::format("; a token uses {}", forecast.usedParameters) : ""));
    if (config.experts)
        console.say(fmt::format(
            "experts      {} of {} units in {} of the blocks, of which {} process a token{}",
            config.experts->count, config.experts->width, blocksWithExperts(config), config.experts->chosen,
            config.experts->sharedWidth > 0
                ? fmt::format("; one more of {} processes all", config.experts->sharedWidth)
                : ""));
}

void sayMemory(const InfoOptions& options, const Common& common, const MemoryForecast& forecast,
               std::int64_t blockBytes, std::int64_t tokens) {
    const Console& console = common.console;
    const bool onProcessor = common.device == "cpu";
    console.say(fmt::format(
        "memory       {} of weights in {} on {}, {} while they are loaded; at most {} to capture {} "
        "prompts of {} tokens at once; 160 MiB more for the program",
        formatBytes(double(forecast.loadBytes)), common.dtype, common.device,
        formatBytes(double(forecast.peakLoadBytes)), formatBytes(double(forecast.captureBytes)),
        options.batch, tokens));
    console.say(
        fmt::format("streamed     {} with --weights stream, {} to capture; each run of the network reads {}",
                    formatBytes(double(forecast.streamBytes)),
                    formatBytes(double(forecast.streamCaptureBytes)), formatBytes(double(blockBytes))));
    if (const auto available = onProcessor ? availableMemory() : std::nullopt)
        console.say(fmt::format("available    {}{}", formatBytes(double(*available)),
                                *available < forecast.peakLoadBytes ? ": the weights will be streamed" : ""));
}

nlohmann::ordered_json describeAdapter(const Adapter& adapter) {
    return {{"name", adapter.name},
            {"type", "LORA"},
            {"ranks", adapter.ranks},
            {"alphas", adapter.alphas},
            {"rslora", adapter.rslora},
            {"targets", adapter.targets},
            {"matrices", adapter.matrices},
            {"stored_in_full", adapter.replaced},
            {"parameters", adapter.parameters},
            {"base", adapter.base}};
}

int infoOfModel(const InfoOptions& options, Common& common) {
    const Console& console = common.console;
    const DType dtype = dtypeOf(common);
    nlohmann::ordered_json result{{"kind", "model"}};
    std::shared_ptr<const Checkpoint> checkpoint;
    try {
        checkpoint = Checkpoint::open(options.path, AcceptedKeys(options.acceptedKeys), options.adapter);
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
        unsupported.push_back("float16 is computed on CUDA only; on the CPU use float32 or bfloat16");
    result.update({{"architecture", config.architecture},
                   {"layers", config.layers},
                   {"d_model", config.dModel},
                   {"heads", config.heads},
                   {"kv_heads", config.kvHeads},
                   {"vocabulary", config.vocabulary},
                   {"points", points.size()},
                   {"dtype", config.storedDType},
                   {"parameters", forecast.parameters},
                   {"memory_bytes",
                    {{"load", forecast.loadBytes},
                     {"capture", forecast.captureBytes},
                     {"stream", forecast.streamBytes},
                     {"stream_capture", forecast.streamCaptureBytes}}},
                   {"notes", config.notes},
                   {"tokenizer_notes", tokenizerNotes},
                   {"unsupported", unsupported}});
    if (config.experts)
        result["experts"] = {
            {"count", config.experts->count},      {"chosen", config.experts->chosen},
            {"width", config.experts->width},      {"shared_width", config.experts->sharedWidth},
            {"blocks", blocksWithExperts(config)}, {"used_parameters", forecast.usedParameters}};
    if (checkpoint->adapter() != nullptr) result["adapter"] = describeAdapter(*checkpoint->adapter());
    console.result(result);

    sayShape(console, *checkpoint, points, forecast);
    if (const Adapter* adapter = checkpoint->adapter())
        console.say(fmt::format("adapter      {}: {}, {} parameters{}", adapter->name, adapter->summary(),
                                adapter->parameters,
                                adapter->base.empty() ? "" : fmt::format("; made for {}", adapter->base)));
    sayMemory(options, common, forecast, checkpoint->blockBytes(), tokens);
    for (const std::string& note : config.notes) console.say("note         " + note);
    for (const auto& note : tokenizerNotes) console.say("tokenizer    " + note);
    for (const auto& reason : unsupported)
        if (reason != checkpoint->weightsMissing()) console.say("unsupported  " + reason.get<std::string>());
    if (checkpoint->weightsMissing().empty()) return 0;
    complain(checkpoint->weightsMissing());
    return 1;
}

/// Whether it is a model, or nothing that is there: then Checkpoint::open says what was looked for.
bool isModel(const std::string& path) {
    std::error_code ignored;
    if (fs::is_directory(path, ignored) || isGgufFile(path)) return true;
    if (fs::exists(path, ignored)) return false;
    // What ends as a file does is no name of a model in the cache.
    static const std::set<std::string> endings{".h5",   ".hdf5", ".npy",   ".npz", ".safetensors",
                                               ".gguf", ".json", ".jsonl", ".txt", ".svg",
                                               ".png",  ".pdf",  ".pth",   ".bin"};
    if (const auto ending = fs::path(path).extension().string(); endings.contains(ending))
        throw Error(ErrorCode::NotFound,
                    fmt::format("there is no {} {}", ending == ".h5" ? "trace file" : "file", path), path);
    return true;
}

}  // namespace

void addInfo(CLI::App& app, Command& chosen, InfoOfTheRest rest) {
    auto* command = app.add_subcommand("info",
                                       "describe a model or any file, and how much memory it needs or what "
                                       "you can do with it; or describe this machine");
    auto options = std::make_shared<InfoOptions>();
    auto* path =
        command
            ->add_option(
                "path", options->path,
                "model folder, GGUF file, ORG/NAME in the Hugging Face cache, ollama:NAME, or any file")
            ->type_name("PATH");
    command
        ->add_flag("--system", options->system,
                   "describe this machine as the program uses it: processor, kernels, libraries, memory")
        ->excludes(path);
    command
        ->add_option("--batch", options->batch, "number of prompts that run at once, for the memory forecast")
        ->check(wholeNumber(1, 1 << 20))
        ->type_name("B");
    command
        ->add_option("--max-tokens", options->tokens,
                     "tokens per prompt, for the memory forecast; default: 512, or fewer if the model has "
                     "fewer positions")
        ->check(wholeNumber(1, 1 << 24))
        ->default_str("")
        ->type_name("M");
    addAcceptOption(*command, options->acceptedKeys);
    addAdapterOption(*command, options->adapter);
    command->callback([options, command, rest = std::move(rest), &chosen] {
        if (options->path.empty() && !options->system)
            throw UsageError("a path is needed, or --system; see rheo info --help");
        chosen = [options, command, rest](Common& common) {
            return !options->system && isModel(options->path) ? infoOfModel(*options, common)
                                                              : rest(*options, *command, common);
        };
    });
}

}  // namespace rheo::cli
