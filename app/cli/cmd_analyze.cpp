// rheo analyze: statistics of a trace, each beside its nulls.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/cli/commands.h"
#include "core/analysis/density.h"
#include "core/analysis/nulls.h"
#include "core/analysis/pca.h"
#include "core/base/error.h"
#include "core/session/results_file.h"
#include "core/trace/trace_reader.h"

namespace rheo::cli {

namespace {

struct Options {
    std::string trace;
    OutOption out;
    bool add = false;
    std::string statistics;
    std::string nulls;
    int repeats = 200;
    std::string scaling = "raw";
    std::string points = "all";
    std::string maskUnits;
    std::string memory = "1G";
    DensityParameters density;
    PcaOptions pca;
};

std::vector<std::string> words(const std::string& list) {
    std::vector<std::string> found;
    std::stringstream in(list);
    for (std::string word; std::getline(in, word, ',');)
        if (!word.empty()) found.push_back(word);
    return found;
}

constexpr const char* builtStatistics[] = {"density", "pca"};

TraceView makeView(const Options& options) {
    TraceView view;
    view.trace = TraceReader::open(options.trace);
    if (view.trace->rows() == 0)
        throw Error(
            ErrorCode::InvalidArgument,
            fmt::format("{} has no complete row yet; go on with rheo capture --resume", options.trace),
            options.trace);
    const auto points = parsePoints(view.trace->info().points, options.points);
    if (static_cast<std::int64_t>(points.size()) < view.trace->points()) view.points = points;
    if (options.scaling == "rms")
        view.scaling = Scaling::Rms;
    else if (options.scaling != "raw")
        throw Error(options.scaling == "final_norm" ? ErrorCode::Unsupported : ErrorCode::InvalidArgument,
                    fmt::format("--scaling {} is not built; there are raw and rms", options.scaling));
    if (!options.maskUnits.empty()) {
        for (const auto unit : parseIds(options.maskUnits)) view.maskedUnits.push_back(unit);
        std::sort(view.maskedUnits.begin(), view.maskedUnits.end());
        view.maskedUnits.erase(std::unique(view.maskedUnits.begin(), view.maskedUnits.end()),
                               view.maskedUnits.end());
    }
    checkView(view);
    return view;
}

int run(const Options& asked, Common& common) {
    const auto started = std::chrono::steady_clock::now();
    Options options = asked;
    if (!options.add) options.out.refuseEarly();
    const auto statistics = words(options.statistics);
    for (const auto& name : statistics)
        if (std::find(std::begin(builtStatistics), std::end(builtStatistics), name) ==
            std::end(builtStatistics))
            throw Error(ErrorCode::Unsupported,
                        fmt::format("statistic '{}' is not built; there are {}", name,
                                    fmt::join(builtStatistics, ", ")),
                        name);
    std::vector<NullKind> nulls;
    for (const auto& name : words(options.nulls)) {
        const auto null = parseNull(name);
        if (!null)
            throw Error(
                ErrorCode::Unsupported,
                fmt::format("null '{}' is not built; there are {}", name, fmt::join(nullNames(), ", ")),
                name);
        nulls.push_back(*null);
    }
    const bool wantsPca = std::find(statistics.begin(), statistics.end(), "pca") != statistics.end();
    const bool wantsDensity = std::find(statistics.begin(), statistics.end(), "density") != statistics.end();
    if (!nulls.empty() && !wantsPca) common.console.warn("nulls are built for pca, which was not asked for");

    const TraceView view = makeView(options);
    if (view.scaling == Scaling::Raw && wantsPca && options.pca.components < 3)
        common.console.warn("fewer than 3 components cannot be drawn as trajectories");
    options.pca.memoryBytes = parseBytes(options.memory);
    options.pca.threads = options.density.threads = common.threads;

    const ResultsSource source = makeResultsSource(view, options.trace);
    ResultsWriter writer = options.add
                               ? ResultsWriter::add(options.out.path, source)
                               : ResultsWriter::create(options.out.path, source, options.out.ifExists());
    StatisticRecord record;
    record.seed = common.seed;
    record.scaling = view.scaling;
    record.maskedUnits = view.maskedUnits;

    // The nulls are the dear part: they get the larger share of the bar.
    Progress progress = common.console.progress();
    const double perPca = wantsPca ? 0.2 : 0, perDensity = wantsDensity ? 0.2 : 0;
    std::int64_t excluded = 0;
    if (wantsDensity) {
        Progress part = progress.part(0, perDensity);
        const DensityResult result = density(view, options.density, part);
        excluded = result.excludedRows;
        record.options = nlohmann::ordered_json{{"eps", options.density.epsilon}}.dump();
        writer.write(result, record, options.out.force);
    }
    if (wantsPca) {
        Progress part = progress.part(perDensity, perDensity + perPca);
        const PcaResult result = pca(view, options.pca, part);
        excluded = result.excludedRows;
        std::vector<NamedNull> summaries;
        for (std::size_t i = 0; i < nulls.size(); ++i) {
            const double from = perDensity + perPca, width = (1 - from) / static_cast<double>(nulls.size());
            Progress null = progress.part(from + width * static_cast<double>(i),
                                          from + width * static_cast<double>(i + 1));
            const NullOptions how{options.repeats, common.seed, common.threads, options.pca.memoryBytes / 2};
            const MatrixD samples = pcaExplainedOnSurrogates(
                view, nulls[i], static_cast<int>(result.basis.components.rows()), how, null);
            summaries.push_back({std::string(nullName(nulls[i])),
                                 summarizeNull(result.basis.explained, samples, common.seed)});
        }
        record.options =
            nlohmann::ordered_json{{"components", options.pca.components}, {"pca", "pooled"}}.dump();
        writer.write(result, summaries, record, options.out.force);
        const auto shown = std::min<Eigen::Index>(3, result.basis.explained.size());
        common.console.say(fmt::format("first {} components: {:.1f} % of the variance", shown,
                                       100 * result.basis.explained.head(shown).sum()));
        for (const auto& null : summaries)
            common.console.say(fmt::format("  {:<18} {:.1f} % (mean of {} repeats)", null.name,
                                           100 * null.summary.mean.head(shown).sum(), null.summary.repeats));
    }
    writer.commit();
    if (excluded > 0)
        common.console.warn(fmt::format("{} of {} rows were left out: they hold values that are not finite",
                                        excluded, view.rowCount()));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    common.console.say(
        fmt::format("{}: {} in {:.1f} s", options.out.path, fmt::join(statistics, ", "), seconds));
    common.console.result(
        {{"out", options.out.path}, {"rows", view.rowCount() - excluded}, {"seconds", seconds}});
    return 0;
}

}  // namespace

void addAnalyze(CLI::App& app, Command& chosen) {
    auto* command = app.add_subcommand("analyze", "statistics of a trace, each beside its nulls");
    auto options = std::make_shared<Options>();
    command->add_option("trace", options->trace, "a trace file")->required()->type_name("T.rheo.h5");
    command->add_option("--stat", options->statistics, "comma list: density, pca")->required();
    options->out.addTo(*command, "the results (HDF5)");
    command->add_flag("--add", options->add, "add to results of the same trace");
    command->add_option("--null", options->nulls, "comma list: depth_shuffle, increment_shuffle, sign_flip");
    command->add_option("--repeats", options->repeats, "surrogates of each null")
        ->check(CLI::Range(1, 1000000));
    command->add_option("--scaling", options->scaling, "raw or rms");
    command->add_option("--points", options->points,
                        "all, paper (without the final one), or a range L00.attn_in:L07.mlp_in");
    command->add_option("--mask-units", options->maskUnits, "units to leave out")->type_name("3,17");
    command
        ->add_option("--eps", options->density.epsilon, "a unit is active above this share of the row's RMS")
        ->check(CLI::NonNegativeNumber);
    command->add_option("--components", options->pca.components, "of the PCA")->check(CLI::Range(1, 65536));
    command->add_option("--memory", options->memory, "what may be held beside the results")->type_name("2G");
    command->callback(
        [options, &chosen] { chosen = [options](Common& common) { return run(*options, common); }; });
}

}  // namespace rheo::cli
