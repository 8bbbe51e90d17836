#include "core/results/comparison_file.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <utility>

#include "core/base/error.h"
#include "core/results/laboratory_file.h"
#include "core/results/source_group.h"
#include "core/results/verdict_json.h"

namespace rheo {

namespace {

constexpr const char* formatName = "rheograph-comparison";
constexpr std::int64_t mostSources = 64;

using AxisName = std::pair<Along, std::string_view>;
constexpr std::array axisNames{AxisName{Along::Points, "points"}, AxisName{Along::Steps, "steps"},
                               AxisName{Along::Bends, "bends"}, AxisName{Along::Components, "components"},
                               AxisName{Along::One, "one"}};

/// Matrices and curves by name, so that writing and reading cannot disagree.
template <class R, class Visit>
void forEachMatrix(R& cka, Visit visit) {
    visit("/cka", cka.cka);
    visit("/null_mean", cka.nullMean);
    visit("/null_low", cka.nullLow);
    visit("/null_high", cka.nullHigh);
    visit("/p", cka.p);
}

template <class R, class Visit>
void forEachDepthCurve(R& fit, Visit visit) {
    visit("/residual", fit.residual);
    visit("/null_mean", fit.depthNullMean);
    visit("/null_low", fit.depthNullLow);
    visit("/null_high", fit.depthNullHigh);
    visit("/p", fit.depthP);
}

template <class R, class Visit>
void forEachNumber(R& fit, Visit visit) {
    visit("scale", fit.map.scale);
    visit("residual", fit.map.residual);
    visit("null_mean", fit.nullMean);
    visit("null_low", fit.nullLow);
    visit("null_high", fit.nullHigh);
    visit("p", fit.p);
}

template <class R, class Visit>
void forEachCurve(R& curve, Visit visit) {
    visit("/a", curve.a);
    visit("/b", curve.b);
    visit("/difference", curve.difference);
    visit("/low", curve.low);
    visit("/high", curve.high);
}

template <class M, class Visit>
void forEachList(M& matched, Visit visit) {
    visit("/sample", matched.sample);
    visit("/unit", matched.unit);
    visit("/position", matched.position);
}

void writeSourceOf(Hdf5File& file, const std::string& group, const ComparedSource& source) {
    writeSource(file, group, source.source);
    file.setAttribute(group, "name", source.name);
    std::vector<std::string> list;
    for (const Verdict& verdict : source.verdicts) list.push_back(verdictToJson(verdict));
    if (!list.empty()) file.writeStrings(group + "/verdicts", list);
}

void writeMatched(Hdf5File& file, const std::string& group, const MatchedRows& matched) {
    file.makeGroup(group);
    file.setAttribute(group, "matched_by", std::string(matchedByName(matched.by)));
    if (matched.count() == 0) return;
    writeList(file, (group + "/a").c_str(), matched.a);
    writeList(file, (group + "/b").c_str(), matched.b);
    forEachList(matched,
                [&](const char* name, const auto& list) { writeList(file, (group + name).c_str(), list); });
}

void writeCka(Hdf5File& file, const std::string& group, const CkaResult& cka) {
    forEachMatrix(cka, [&](const char* name, const MatrixD& values) {
        writeArray(file, (group + name).c_str(), values);
    });
    file.setAttribute(group, "largest_by_chance", cka.largestByChance);
    file.setAttribute(group, "rows", cka.rows);
    file.setAttribute(group, "samples", cka.samples);
    file.setAttribute(group, "repeats", std::int64_t{cka.repeats});
    file.setAttribute(group, "seed", static_cast<std::int64_t>(cka.seed));
}

void writeProcrustes(Hdf5File& file, const std::string& group, const ProcrustesResult& fit) {
    forEachDepthCurve(fit, [&](const char* name, const VectorD& values) {
        writeVector<double>(file, (group + name).c_str(), values);
    });
    writeArray(file, (group + "/rotation").c_str(), fit.map.rotation);
    writeVector<double>(file, (group + "/to_mean").c_str(), fit.map.toMean);
    writeVector<double>(file, (group + "/from_mean").c_str(), fit.map.fromMean);
    forEachNumber(fit, [&](const char* name, double value) { file.setAttribute(group, name, value); });
    file.setAttribute(group, "rows", fit.rows);
    file.setAttribute(group, "samples", fit.samples);
    file.setAttribute(group, "repeats", std::int64_t{fit.repeats});
    file.setAttribute(group, "seed", static_cast<std::int64_t>(fit.seed));
}

std::string_view axisName(Along axis) {
    for (const auto& [value, name] : axisNames)
        if (value == axis) return name;
    return {};
}

void writeDifferences(Hdf5File& file, const std::string& group, const DifferenceResult& differences) {
    file.makeGroup(group);
    file.setAttribute(group, "paired", std::int64_t{differences.paired ? 1 : 0});
    file.setAttribute(group, "relative_depth", std::int64_t{differences.relativeDepth ? 1 : 0});
    file.setAttribute(group, "samples_a", differences.samplesA);
    file.setAttribute(group, "samples_b", differences.samplesB);
    file.setAttribute(group, "rows_a", differences.rowsA);
    file.setAttribute(group, "rows_b", differences.rowsB);
    file.setAttribute(group, "resamples", std::int64_t{differences.resamples});
    file.setAttribute(group, "seed", static_cast<std::int64_t>(differences.seed));
    for (const DifferenceCurve& curve : differences.curves) {
        const std::string place = fmt::format("{}/{}/{}", group, curve.statistic, curve.dataset);
        forEachCurve(curve, [&](const char* name, const VectorD& values) {
            writeVector<double>(file, (place + name).c_str(), values);
        });
        file.setAttribute(place, "axis", std::string(axisName(curve.axis)));
    }
}

MatchedRows readMatched(const Hdf5File& file, const std::string& group, std::size_t rowsA,
                        std::size_t rowsB) {
    MatchedRows matched;
    const std::string by = file.textAttribute(group, "matched_by").value_or("");
    for (const MatchedBy one : {MatchedBy::TokenIds, MatchedBy::Texts, MatchedBy::Numbers})
        if (by == matchedByName(one)) matched.by = one;
    if (!file.exists(group + "/a")) return matched;
    matched.a = file.read<std::int64_t>(group + "/a");
    matched.b = file.read<std::int64_t>(group + "/b");
    const std::size_t count = matched.a.size();
    bool fits = matched.b.size() == count;
    forEachList(matched, [&](const char* name, std::vector<std::int32_t>& list) {
        list = file.read<std::int32_t>(group + name);
        fits = fits && list.size() == count;
    });
    for (std::size_t i = 0; fits && i < count; ++i)
        fits = matched.a[i] >= 0 && static_cast<std::size_t>(matched.a[i]) < rowsA && matched.b[i] >= 0 &&
               static_cast<std::size_t>(matched.b[i]) < rowsB;
    if (!fits) refuseDataset(file, group, "its lists differ in length, or name rows that are not there");
    std::vector<std::int64_t> all(count);
    for (std::size_t i = 0; i < count; ++i) all[i] = static_cast<std::int64_t>(i);
    return pickPairs(matched, all);
}

CkaResult readCka(const Hdf5File& file, const std::string& group, std::int64_t a, std::int64_t b) {
    CkaResult cka;
    forEachMatrix(cka, [&](const char* name, MatrixD& values) {
        values = readMatrix(file, (group + name).c_str(), a, b);
    });
    cka.largestByChance = file.numberAttribute(group, "largest_by_chance").value_or(std::nan(""));
    cka.rows = file.integerAttribute(group, "rows").value_or(0);
    cka.samples = file.integerAttribute(group, "samples").value_or(0);
    cka.repeats = static_cast<int>(file.integerAttribute(group, "repeats").value_or(0));
    cka.seed = static_cast<std::uint64_t>(file.integerAttribute(group, "seed").value_or(0));
    return cka;
}

ProcrustesResult readProcrustes(const Hdf5File& file, const std::string& group, std::int64_t points) {
    ProcrustesResult fit;
    forEachDepthCurve(fit, [&](const char* name, VectorD& values) {
        values = readNumbers(file, (group + name).c_str(), points);
    });
    const auto shape = file.info(group + "/rotation").shape;
    if (shape.size() != 2 || shape[0] != shape[1] || shape[0] < 1 || shape[0] > 65536)
        refuseDataset(file, group + "/rotation", "a rotation is square");
    fit.map.rotation = readMatrix(file, (group + "/rotation").c_str(), shape[0], shape[0]);
    fit.map.toMean = readNumbers(file, (group + "/to_mean").c_str(), shape[0]);
    fit.map.fromMean = readNumbers(file, (group + "/from_mean").c_str(), shape[0]);
    forEachNumber(fit, [&](const char* name, double& value) {
        value = file.numberAttribute(group, name).value_or(std::nan(""));
    });
    fit.rows = file.integerAttribute(group, "rows").value_or(0);
    fit.samples = file.integerAttribute(group, "samples").value_or(0);
    fit.repeats = static_cast<int>(file.integerAttribute(group, "repeats").value_or(0));
    fit.seed = static_cast<std::uint64_t>(file.integerAttribute(group, "seed").value_or(0));
    return fit;
}

DifferenceCurve readCurve(const Hdf5File& file, const std::string& group, const std::string& statistic,
                          const std::string& dataset, std::int64_t points) {
    const std::string place = fmt::format("{}/{}/{}", group, statistic, dataset);
    DifferenceCurve curve;
    curve.statistic = statistic;
    curve.dataset = dataset;
    const std::string axis = file.textAttribute(place, "axis").value_or("");
    bool known = false;
    for (const auto& [value, name] : axisNames)
        if (name == axis) {
            curve.axis = value;
            known = true;
        }
    const auto shape = file.info(place + "/a").shape;
    if (!known || shape.size() != 1) refuseDataset(file, place, fmt::format("'{}' is no axis of it", axis));
    Sizes sizes;
    sizes.points = points;
    const std::int64_t length = lengthAlong(curve.axis, sizes);
    if (length != anySize && shape[0] != length)
        refuseDataset(file, place, fmt::format("it has {} values along {} points", shape[0], points));
    forEachCurve(curve, [&](const char* name, VectorD& values) {
        values = readNumbers(file, (place + name).c_str(), shape[0]);
    });
    return curve;
}

DifferenceResult readDifferences(const Hdf5File& file, const std::string& group, std::int64_t points) {
    DifferenceResult differences;
    const auto whole = [&](const char* name) { return file.integerAttribute(group, name).value_or(0); };
    differences.paired = whole("paired") != 0;
    differences.relativeDepth = whole("relative_depth") != 0;
    differences.samplesA = whole("samples_a");
    differences.samplesB = whole("samples_b");
    differences.rowsA = whole("rows_a");
    differences.rowsB = whole("rows_b");
    differences.resamples = static_cast<int>(whole("resamples"));
    differences.seed = static_cast<std::uint64_t>(whole("seed"));
    // In the order of the table of statistics; in a file they are by name.
    for (const StatisticInfo& info : statisticInfos()) {
        const std::string statistic(info.name);
        if (!file.exists(group + "/" + statistic)) continue;
        for (const std::string& dataset : file.children(group + "/" + statistic))
            differences.curves.push_back(readCurve(file, group, statistic, dataset, points));
    }
    return differences;
}

Array3F readScores(const Hdf5File& file, const std::string& name, const ResultsSource& source) {
    const auto shape = file.info(name).shape;
    const auto rows = static_cast<std::int64_t>(source.info.rows.size());
    const auto points = static_cast<std::int64_t>(source.info.points.size());
    if (shape.size() != 3 || shape[0] != rows || shape[1] != points || shape[2] < 1)
        refuseDataset(file, name,
                      fmt::format("its shape is ({}), and ({}, {}, components) was expected",
                                  fmt::join(shape, ", "), rows, points));
    Array3F scores(shape[0], shape[1], shape[2]);
    scores.data = file.read<float>(name);
    return scores;
}

void readPair(const Hdf5File& file, std::int64_t i, ComparisonFile& record) {
    const std::string group = fmt::format("/pairs/{}", i);
    const auto& a = record.sources.front().source.info;
    const auto& b = record.sources[static_cast<std::size_t>(i)].source.info;
    const auto pointsA = static_cast<std::int64_t>(a.points.size());
    PairComparison& pair = record.comparison.pairs.emplace_back();
    pair.other = i;
    pair.matched = readMatched(file, group + "/matched", a.rows.size(), b.rows.size());
    if (file.exists(group + "/cka"))
        pair.cka = readCka(file, group + "/cka", pointsA, static_cast<std::int64_t>(b.points.size()));
    if (file.exists(group + "/procrustes"))
        pair.procrustes = readProcrustes(file, group + "/procrustes", pointsA);
    pair.differences = readDifferences(file, group + "/differences", pointsA);
}

std::string cell(double x) {
    return std::isfinite(x) ? fmt::format("{}", x) : std::string();
}

}  // namespace

void writeComparisonFile(const std::filesystem::path& path, const ComparisonFile& record, IfExists ifExists) {
    OutputFile output(path, ifExists);
    const Comparison& comparison = record.comparison;
    Hdf5File file = createLaboratoryFile(output, formatName,
                                         record.sources.front().source.info.model.value_or(ModelIdentity()));
    file.setAttribute("/", "alignment", std::string(alignmentName(comparison.alignment)));
    file.setAttribute("/", "sources", static_cast<std::int64_t>(record.sources.size()));
    writeText(file, "/options", record.options);
    if (!comparison.remarks.empty()) file.writeStrings("/remarks", comparison.remarks);
    if (!comparison.axisNames.empty()) file.writeStrings("/axis_names", comparison.axisNames);
    for (std::size_t i = 0; i < record.sources.size(); ++i) {
        const std::string group = fmt::format("/sources/{}", i);
        writeSourceOf(file, group, record.sources[i]);
        if (!record.hasStates()) continue;
        writeArray(file, (group + "/scores").c_str(), comparison.scores[i]);
        if (comparison.explained[i].size() > 0)
            writeVector<double>(file, (group + "/explained").c_str(), comparison.explained[i]);
    }
    for (const PairComparison& pair : comparison.pairs) {
        const std::string group = fmt::format("/pairs/{}", pair.other);
        writeMatched(file, group + "/matched", pair.matched);
        if (pair.cka) writeCka(file, group + "/cka", *pair.cka);
        if (pair.procrustes) writeProcrustes(file, group + "/procrustes", *pair.procrustes);
        writeDifferences(file, group + "/differences", pair.differences);
    }
    file.close();
    output.commit();
}

ComparisonFile readComparisonFile(const std::filesystem::path& path) {
    const Hdf5File file = openLaboratoryFile(path, formatName, "a comparison");
    ComparisonFile record;
    const std::int64_t count = file.integerAttribute("/", "sources").value_or(0);
    if (count < 2 || count > mostSources) refuseDataset(file, "sources", "a comparison is of 2 or more");
    const std::string alignment = file.textAttribute("/", "alignment").value_or("");
    const auto parsed = parseAlignment(alignment);
    if (!parsed) refuseDataset(file, "alignment", fmt::format("'{}' is none", alignment));
    Comparison& comparison = record.comparison;
    comparison.alignment = *parsed;
    record.options = readText(file, "/options");
    if (file.exists("/remarks") || file.exists("/remarks_utf8"))
        comparison.remarks = file.readStrings("/remarks");
    if (file.exists("/axis_names") || file.exists("/axis_names_utf8"))
        comparison.axisNames = file.readStrings("/axis_names");
    for (std::int64_t i = 0; i < count; ++i) {
        const std::string group = fmt::format("/sources/{}", i);
        ComparedSource& source = record.sources.emplace_back();
        source.source = readSource(file, group);
        source.name = file.textAttribute(group, "name").value_or(fmt::format("source {}", i + 1));
        if (file.hasStrings(group + "/verdicts")) source.verdicts = readVerdicts(file, group + "/verdicts");
        if (!file.exists(group + "/scores")) continue;
        comparison.scores.push_back(readScores(file, group + "/scores", source.source));
        // Directions explain no share that is known.
        comparison.explained.push_back(
            file.exists(group + "/explained")
                ? VectorD(readNumbers(file, (group + "/explained").c_str(), comparison.scores.back().n2))
                : VectorD());
    }
    if (!comparison.scores.empty() && static_cast<std::int64_t>(comparison.scores.size()) != count)
        refuseDataset(file, "/sources", "some have scores and some have none");
    if (const auto axes = static_cast<std::int64_t>(comparison.axisNames.size()); axes > 0)
        for (const Array3F& scores : comparison.scores)
            if (scores.n2 != axes)
                refuseDataset(file, "/axis_names",
                              fmt::format("{} names for {} coordinates", axes, scores.n2));
    for (std::int64_t i = 1; i < count; ++i)
        if (file.exists(fmt::format("/pairs/{}", i))) readPair(file, i, record);
    return record;
}

bool isComparisonFile(const std::filesystem::path& path) {
    try {
        if (!isHdf5File(path)) return false;
        return Hdf5File::openForReading(path).textAttribute("/", "format") == formatName;
    } catch (const Error&) {
        return false;
    }
}

std::string differencesCsv(const ComparisonFile& record) {
    std::string csv = "other,statistic,dataset,index,point,a,b,difference,low,high\r\n";
    const auto& points = record.sources.front().source.info.points;
    for (const PairComparison& pair : record.comparison.pairs)
        for (const DifferenceCurve& curve : pair.differences.curves)
            for (Eigen::Index i = 0; i < curve.a.size(); ++i) {
                const bool depth = curve.axis != Along::Components && curve.axis != Along::One;
                csv += fmt::format("{},{},{},{},{}", pair.other, curve.statistic, curve.dataset, i,
                                   depth ? pointName(points[static_cast<std::size_t>(i)]) : "");
                forEachCurve(curve,
                             [&](const char*, const VectorD& values) { csv += "," + cell(values[i]); });
                csv += "\r\n";
            }
    return csv;
}

}  // namespace rheo
