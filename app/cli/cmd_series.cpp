// rheo series: training checkpoints of one model, each reported on, and all compared against their steps.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "app/cli/commands.h"
#include "core/base/error.h"
#include "core/capture/capture.h"
#include "core/checkpoint/model_cache.h"
#include "core/figure/training_figure.h"

namespace rheo::cli {

namespace fs = std::filesystem;

namespace {

struct Options {
    std::vector<std::string> models;
    std::string prompts, out, rows = "last";
    std::optional<std::int64_t> limit, repeats;
    bool force = false, resume = false;
};

/// A checkpoint of the series.
struct Checkpointed {
    std::string model;  ///< as --model takes it
    std::string name;   ///< short: its revision, or its folder
    double step = -1;   ///< -1: the name tells none
};

std::string shortName(const std::string& model) {
    const auto at = model.rfind('@');
    std::string name = at != std::string::npos ? model.substr(at + 1) : modelTitle(locateModel(model));
    std::replace(name.begin(), name.end(), '/', '-');
    return name;
}

/// One model stands for all its revisions in the cache.
std::vector<std::string> withRevisions(const std::vector<std::string>& models) {
    if (models.size() != 1 || models[0].find('@') != std::string::npos) return models;
    const fs::path snapshot = locateModel(models[0]);
    const std::vector<std::string> revisions = otherRevisions(snapshot.parent_path().parent_path());
    if (revisions.size() < 2)
        throw Error(
            ErrorCode::NotFound,
            fmt::format("the cache holds {} named revisions of {}, and a series needs two; fetch more "
                        "(hf download {} --revision step1000), or name them: {}@REVISION",
                        revisions.size(), models[0], models[0], models[0]),
            models[0]);
    return revisions;
}

/// In order of their steps; in the given order where a name tells none.
std::vector<Checkpointed> seriesOf(const Options& options) {
    std::vector<Checkpointed> series;
    std::set<std::string> names;
    for (const std::string& model : withRevisions(options.models)) {
        locateModel(model);
        series.push_back({model, shortName(model), 0});
        series.back().step = trainingStep(series.back().name);
        if (!names.insert(series.back().name).second)
            throw UsageError(fmt::format("two of the models are called {}: their reports would be one folder",
                                         series.back().name));
    }
    if (std::all_of(series.begin(), series.end(), [](const Checkpointed& c) { return c.step >= 0; }))
        std::stable_sort(series.begin(), series.end(),
                         [](const Checkpointed& a, const Checkpointed& b) { return a.step < b.step; });
    return series;
}

/// A command of the series, with what all of them share.
int runStep(std::vector<std::string> arguments, const Options& options, Common& common) {
    if (options.force) arguments.emplace_back("--force");
    common.console.say(commandLine(arguments));
    std::fflush(stdout);
    Common inner;
    inner.console.style = common.console.style;
    inner.console.silent = true;
    inner.threads = common.threads;
    inner.seed = common.seed;
    inner.device = common.device;
    inner.dtype = common.dtype;
    return dispatch(std::move(arguments), inner);
}

std::vector<std::string> reportOf(const Checkpointed& checkpoint, const fs::path& folder,
                                  const Options& options) {
    std::vector<std::string> arguments{"report",     "--model",       checkpoint.model,
                                       "--prompts",  options.prompts, "--rows",
                                       options.rows, "--out",         folder.string()};
    if (options.limit) arguments.insert(arguments.end(), {"--limit", std::to_string(*options.limit)});
    if (options.repeats) arguments.insert(arguments.end(), {"--repeats", std::to_string(*options.repeats)});
    if (options.resume && fs::exists(folder)) arguments.emplace_back("--resume");
    return arguments;
}

int run(const Options& options, Common& common) {
    const auto started = std::chrono::steady_clock::now();
    const std::vector<Checkpointed> series = seriesOf(options);
    if (series.size() < 2) throw UsageError("a series needs two or more checkpoints");
    if (series.size() > 16)
        throw UsageError(fmt::format(
            "{} checkpoints are too many: a comparison takes at most 16; name some of them", series.size()));
    const fs::path out = fs::absolute(options.out);
    claim(out);
    std::error_code failed;
    fs::create_directories(out, failed);
    if (failed)
        throw Error(ErrorCode::Io,
                    fmt::format("cannot make the folder {}: {}", out.string(), failed.message()),
                    out.string());
    const fs::path comparison = out / "series.h5";
    if (!options.force && !options.resume && fs::exists(comparison))
        throw Error(ErrorCode::AlreadyExists,
                    fmt::format("{} exists already; choose another folder, or use --force or --resume",
                                comparison.string()),
                    comparison.string());
    std::vector<std::string> compare{"compare"};
    std::string names;
    for (const Checkpointed& checkpoint : series) {
        const fs::path folder = out / checkpoint.name;
        const bool finished = options.resume && fs::exists(folder / "index.html");
        if (!finished)
            if (const int status = runStep(reportOf(checkpoint, folder, options), options, common);
                status != 0)
                return status;
        compare.push_back(folder.string());
        names += (names.empty() ? "" : ",") + checkpoint.name;
    }
    compare.insert(compare.end(), {"--names", names, "--align", "pooled", "--out", comparison.string()});
    if (options.resume) compare.emplace_back("--force");
    if (const int status = runStep(compare, options, common); status != 0) return status;
    const auto draw = [&](const std::string& view, const std::vector<std::string>& more, const char* file) {
        std::vector<std::string> arguments{"figure", comparison.string(),  "--view", view,
                                           "--out",  (out / file).string()};
        arguments.insert(arguments.end(), more.begin(), more.end());
        if (options.resume) arguments.emplace_back("--force");
        return runStep(arguments, options, common);
    };
    for (const int status : {draw("compare_training", {}, "verdicts.svg"),
                             draw("compare_training", {"--statistic", "motion"}, "motion.svg"),
                             draw("compare_paths", {}, "paths.svg")})
        if (status != 0) return status;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    common.console.say(fmt::format("done in {:.0f} s: {} checkpoints, {}; the window opens it", seconds,
                                   series.size(), comparison.string()));
    std::vector<std::string> order;
    for (const Checkpointed& checkpoint : series) order.push_back(checkpoint.name);
    common.console.result({{"out", out.string()}, {"checkpoints", order}, {"seconds", seconds}});
    return 0;
}

}  // namespace

void addSeries(CLI::App& app, Command& chosen) {
    auto* command = app.add_subcommand(
        "series",
        "training checkpoints of a model: a report of each, and curves of all against the training step");
    auto options = std::make_shared<Options>();
    command
        ->add_option("models", options->models,
                     "revisions (ORG/NAME@step1000) or folders, two to 16; or only ORG/NAME: all named "
                     "revisions of it in the cache")
        ->required()
        ->expected(1, 16)
        ->type_name("MODEL ...")
        ->default_str("");
    command
        ->add_option("--prompts", options->prompts,
                     "prompts in the form that rheo capture reads, the same for all checkpoints")
        ->required()
        ->type_name("F");
    command
        ->add_option("--rows", options->rows,
                     "which tokens of the prompts become rows: last, all or stride:K")
        ->check(readBy(parseRowChoice))
        ->type_name("ROWS");
    command->add_option("--limit", options->limit, "only the first N prompts; default: all")
        ->check(wholeNumber(1))
        ->type_name("N");
    command
        ->add_option("--repeats", options->repeats, "number of surrogates of each null, as for rheo report")
        ->check(wholeNumber(1, 1000000))
        ->type_name("R");
    command
        ->add_option("--out", options->out,
                     "folder for a report of each checkpoint, series.h5 and its figures")
        ->required()
        ->type_name("DIR");
    auto* force = command->add_flag("--force", options->force, "replace existing files");
    command->add_flag("--resume", options->resume, "continue an interrupted series")->excludes(force);
    command->callback(
        [options, &chosen] { chosen = [options](Common& common) { return run(*options, common); }; });
}

}  // namespace rheo::cli
