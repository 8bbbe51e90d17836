// rheo info of what is no model: files, and the machine.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <variant>

#include "app/cli/info.h"
#include "core/ranks/mpi_ranks.h"
#include "core/session/describe_file.h"
#include "core/session/describe_system.h"
#include "core/session/recipe.h"
#include "core/trace/trace_reader.h"
#include "widgets/paint/recipe_file.h"

namespace rheo::cli {

namespace fs = std::filesystem;

namespace {

int infoOfTrace(const InfoOptions& options, Common& common) {
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
            ? fmt::format("; {} complete (continue with rheo capture --resume)", trace->completeRows())
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
        console.say("model        unknown: analyses that need the model are not available");
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

int infoOfFile(const InfoOptions& options, const CLI::App& command, Common& common) {
    for (const char* option :
         {"--batch", "--max-tokens", "--dtype", "--device", "--accept-unknown-config", "--adapter"}) {
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

}  // namespace

int infoOfTheRest(const InfoOptions& options, const CLI::App& command, Common& common) {
    if (options.system) {
        FileDescription system = describeSystem();
        std::error_code ignored;
        system.facts.emplace_back("mpi",
                                  describeMpi(fs::read_symlink("/proc/self/exe", ignored).parent_path()));
        show(system, common.console);
        return 0;
    }
    return infoOfFile(options, command, common);
}

}  // namespace rheo::cli
