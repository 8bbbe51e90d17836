// rheo compare: two or more traces or reports beside each other.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/cli/commands.h"
#include "core/base/error.h"
#include "core/results/results_file.h"
#include "core/session/compare_run.h"

namespace rheo::cli {

namespace {

struct Options {
    std::vector<std::string> sources, names;
    OutOption out;
    CompareRequest request;
    std::string statistics = usualComparedStatistics(), align, csv, memory = "1G";
    BasisOption basis;
    SelectOption select;
    bool verdictsOnly = false;
};

std::vector<std::string> knownStatistics(const std::string& list) {
    std::vector<std::string> known, names;
    forEachSwept([&]<class S>() { known.emplace_back(S::info.name); });
    std::stringstream in(list);
    for (std::string name; std::getline(in, name, ',');) {
        if (std::find(known.begin(), known.end(), name) == known.end())
            throw unknownName("statistic", name, known);
        names.push_back(name);
    }
    return names;
}

CompareRequest requestOf(const Options& options, const Common& common) {
    CompareRequest request = options.request;
    request.choice.statistics = knownStatistics(options.statistics);
    request.choice.select = options.select.conditions;
    request.choice.seed = common.seed;
    request.choice.threads = common.threads;
    request.choice.memoryBytes = parseBytes(options.memory);
    if (!options.align.empty()) request.alignment = parseAlignment(options.align);
    if (!options.basis.given()) return request;
    if (request.alignment && *request.alignment != Alignment::One) {
        const std::string name = options.basis.axes.empty() ? "--basis" : "--axes";
        throw UsageError(name + " is one basis for all sources; it goes with --align one", name);
    }
    request.alignment = Alignment::One;
    request.basis = options.basis.read(nullptr);
    request.basisName = options.basis.source();
    return request;
}

std::vector<OpenedSource> openSources(const Options& options, Progress& progress) {
    std::vector<OpenedSource> sources;
    for (const auto& path : options.sources) sources.push_back(openSource(path, progress));
    if (options.names.empty()) {
        nameApart(sources);
        return sources;
    }
    if (options.names.size() != sources.size())
        throw UsageError(
            fmt::format("--names has {} names for {} sources", options.names.size(), sources.size()),
            "--names");
    for (std::size_t i = 0; i < sources.size(); ++i) sources[i].name = options.names[i];
    return sources;
}

/// At how many of its places a curve's interval leaves zero out.
std::string differenceText(const DifferenceCurve& curve) {
    Eigen::Index apart = 0, most = 0;
    for (Eigen::Index i = 0; i < curve.difference.size(); ++i) {
        if (curve.low[i] > 0 || curve.high[i] < 0) ++apart;
        if (std::abs(curve.difference[i]) > std::abs(curve.difference[most])) most = i;
    }
    return fmt::format(
        "{}/{}: the largest difference is {:.4g} [{:.4g}, {:.4g}]; at {} of {} places the interval leaves "
        "out 0",
        curve.statistic, curve.dataset, curve.difference[most], curve.low[most], curve.high[most], apart,
        curve.difference.size());
}

void describe(const ComparisonFile& record, Console& console) {
    const Comparison& comparison = record.comparison;
    for (const auto& remark : comparison.remarks) console.say(remark);
    if (record.hasStates()) console.say(fmt::format("alignment: {}", alignmentName(comparison.alignment)));
    for (const PairComparison& pair : comparison.pairs) {
        console.say(fmt::format("{} beside {}", record.sources[static_cast<std::size_t>(pair.other)].name,
                                record.sources.front().name));
        if (pair.cka) {
            const CkaResult& cka = *pair.cka;
            const Eigen::Index last = cka.cka.rows() - 1, end = cka.cka.cols() - 1;
            console.say(
                fmt::format("CKA of {} rows: {:.3f} at the first depth, {:.3f} at the last (null {:.3f} to "
                            "{:.3f}); 95 % of shuffles stay below {:.3f} everywhere",
                            cka.rows, cka.cka(0, 0), cka.cka(last, end), cka.nullLow(last, end),
                            cka.nullHigh(last, end), cka.largestByChance));
        }
        if (pair.procrustes)
            console.say(
                fmt::format("Procrustes: {:.1f} % of the variance in the components is left; of shuffled "
                            "samples {:.1f} to "
                            "{:.1f} %",
                            100 * pair.procrustes->map.residual, 100 * pair.procrustes->nullLow,
                            100 * pair.procrustes->nullHigh));
        for (const DifferenceCurve& curve : pair.differences.curves) console.say(differenceText(curve));
    }
}

int run(const Options& options, Common& common) {
    const auto started = std::chrono::steady_clock::now();
    if (options.sources.size() < 2) throw UsageError("a comparison needs two or more sources");
    if (options.out.path.empty() && !options.verdictsOnly)
        throw UsageError(
            "--out is needed for the file of the comparison; or use --verdicts to print only the table of "
            "verdicts",
            "--out");
    const std::vector<std::filesystem::path> inputs(options.sources.begin(), options.sources.end());
    if (!options.out.path.empty()) options.out.refuseEarly(inputs);
    if (!options.csv.empty()) {
        claim(options.csv);
        requireOutput(options.csv, options.out.ifExists(), inputs);
    }
    Progress progress = common.console.progress();
    Progress opening = progress.part(0, 0.02), comparing = progress.part(0.02, 1);
    std::vector<OpenedSource> sources = openSources(options, opening);
    if (options.verdictsOnly)
        for (auto& source : sources) {
            if (source.verdicts.empty())
                throw Error(ErrorCode::NotFound,
                            fmt::format("{} holds no verdicts; give the folder of rheo report", source.path),
                            source.path);
            source.trace = nullptr;
        }
    const ComparisonFile record = runComparison(sources, requestOf(options, common), comparing);
    if (!options.out.path.empty()) writeComparisonFile(options.out.path, record, options.out.ifExists());
    if (!options.csv.empty()) writeFile(options.csv, differencesCsv(record), options.out.ifExists());
    if (!options.verdictsOnly) describe(record, common.console);
    std::istringstream table(verdictTableText(record));
    for (std::string line; std::getline(table, line);) common.console.say(line);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    nlohmann::ordered_json said{
        {"out", options.out.path},
        {"rows", record.comparison.pairs.empty() ? 0 : record.comparison.pairs[0].matched.count()},
        {"seconds", seconds},
        {"alignment", alignmentName(record.comparison.alignment)},
        {"remarks", record.comparison.remarks},
        {"verdicts", nlohmann::ordered_json::parse(verdictTableJson(record))}};
    common.console.result(said);
    return 0;
}

}  // namespace

void addCompare(CLI::App& app, Command& chosen) {
    auto* command = app.add_subcommand(
        "compare", "compare two or more traces or reports: CKA, differences, paths, verdicts");
    auto options = std::make_shared<Options>();
    command
        ->add_option("sources", options->sources,
                     "traces, results or folders of reports; the others are compared with the first")
        ->required()
        ->expected(2, 16)
        ->type_name("A.rheo.h5 B.rheo.h5 ...")
        ->default_str("");
    options->out.addTo(*command, "the comparison (HDF5)", false);
    command->add_flag("--verdicts", options->verdictsOnly,
                      "only print the verdicts of all reports in one table; no states are read");
    command->add_option("--names", options->names, "short names of the sources, as many as there are")
        ->delimiter(',')
        ->default_str("")
        ->type_name("NAME,NAME");
    command
        ->add_option("--stat", options->statistics,
                     "comma list of the statistics whose curves are subtracted")
        ->type_name("LIST");
    command
        ->add_option("--align", options->align,
                     "coordinates of the paths: own (each source in its own components), one (components of "
                     "the first source), pooled (components of all sources together), procrustes (each in "
                     "its own, rotated onto the first); default: one for the same weights, else procrustes "
                     "where prompts are shared, else own")
        ->check(CLI::IsMember({"own", "one", "pooled", "procrustes"}));
    options->basis.addTo(*command);  // one for all
    command->add_option("--components", options->request.components, "number of components of each basis")
        ->check(wholeNumber(3, 4096))
        ->type_name("K");
    command
        ->add_option("--resamples", options->request.resamples,
                     "number of random halves of the samples, for intervals")
        ->check(wholeNumber(2, 100000))
        ->type_name("B");
    command
        ->add_option("--null-repeats", options->request.repeats,
                     "number of shuffles of the samples, for the nulls of CKA and Procrustes")
        ->check(wholeNumber(1, 100000))
        ->type_name("R");
    command
        ->add_option("--most-rows", options->request.mostRows,
                     "largest number of rows for CKA; if there are more, samples and then tokens are left "
                     "out at even spacing")
        ->check(wholeNumber(4, 100000))
        ->type_name("N");
    command
        ->add_option("--scaling", options->request.choice.scaling,
                     "raw, or rms (states divided by their own RMS)")
        ->check(CLI::IsMember({"raw", "rms"}));
    command
        ->add_option("--points", options->request.choice.points,
                     "all, paper (without the final one), one point, or a range L00.attn_in:L07.mlp_in")
        ->type_name("POINTS");
    options->select.addTo(*command);
    command
        ->add_option("--mask-units", options->request.choice.maskUnits,
                     "units to leave out, or z:Z: those whose size has a robust z above Z")
        ->type_name("3,17|z:Z");
    command->add_option("--curves", options->csv, "also write every difference as CSV")->type_name("F.csv");
    command->add_option("--memory", options->memory, "limit of memory, not counting the results")
        ->check(readBy(parseBytes))
        ->type_name("BYTES");
    command->callback(
        [options, &chosen] { chosen = [options](Common& common) { return run(*options, common); }; });
}

}  // namespace rheo::cli
