#include "core/results/jacobian_group.h"

#include <string>

#include "core/base/error.h"
#include "core/findings/derivative_verdicts.h"
#include "core/results/laboratory_file.h"
#include "core/results/verdict_json.h"

namespace rheo {

namespace {

const std::string group = "/jacobian/";

/// Values of each row and step by name, with the name of their mean over rows, so that writing and reading
/// cannot disagree.
template <class R, class Visit>
void forEachMatrix(R& r, Visit visit) {
    visit("effective_rank_rows", "effective_rank", r.effectiveRank);
    visit("henrici", "non_normality", r.henrici);
    visit("share_complex_rows", "share_complex", r.complexShare);
    visit("symmetry_rows", "symmetry", r.symmetricShare);
    visit("remaining_effective_rank_rows", "remaining_effective_rank", r.remainingEffectiveRank);
    visit("cumulative_effective_rank_rows", "cumulative_effective_rank", r.cumulativeEffectiveRank);
}

template <class R, class Visit>
void forEachUntrained(R& r, Visit visit) {
    visit("untrained_non_normality", r.untrainedHenrici);
    visit("untrained_symmetry", r.untrainedSymmetricShare);
    visit("untrained_share_complex", r.untrainedComplexShare);
    visit("untrained_effective_rank", r.untrainedEffectiveRank);
    visit("untrained_cumulative_effective_rank", r.untrainedCumulativeEffectiveRank);
}

void writeCube(Hdf5File& file, const char* name, const Array3<double>& values) {
    file.write<double>(group + name, values.data, {values.n0, values.n1, values.n2});
}

std::vector<std::int64_t> shapeOf(const Hdf5File& file, const char* name, std::size_t axes) {
    const auto shape = file.info(group + name).shape;
    if (shape.size() != axes)
        refuseDataset(file, group + name, "it has another number of axes than expected");
    return shape;
}

Array3<double> readCube(const Hdf5File& file, const char* name, const std::vector<std::int64_t>& shape) {
    if (shapeOf(file, name, 3) != shape)
        refuseDataset(file, group + name, "its shape does not fit that of singular_values");
    Array3<double> values;
    values.n0 = shape[0];
    values.n1 = shape[1];
    values.n2 = shape[2];
    values.data = file.read<double>(group + name);
    return values;
}

DerivativeEvidence evidenceOf(const JacobianResult& result, const TraceInfo& info) {
    DerivativeEvidence evidence{result.henrici,
                                result.cumulativeEffectiveRank,
                                result.untrainedHenriciRows,
                                result.untrainedCumulativeRankRows,
                                {},
                                info.units};
    for (const std::int64_t row : result.rows)
        evidence.samples.push_back(info.rows.at(static_cast<std::size_t>(row)).sample);
    return evidence;
}

}  // namespace

std::vector<Verdict> verdictsOf(const JacobianResult& result, const TraceInfo& info) {
    return derivativeVerdicts(evidenceOf(result, info), 0);
}

std::vector<Verdict> measuredVerdictsOf(const JacobianResult& result, const TraceInfo& info) {
    return measuredDerivatives(evidenceOf(result, info), 0);
}

void writeJacobian(Hdf5File& file, const JacobianResult& result, const std::vector<Verdict>& verdicts) {
    const Array3<double>& real = result.eigenvalueReal;
    file.setAttribute("/jacobian", "alone", result.alone);
    file.write<std::int64_t>(group + "rows", result.rows, {static_cast<std::int64_t>(result.rows.size())});
    writeCube(file, "singular_values", result.singularValues);
    writeCube(file, "remaining_singular_values", result.remainingSingularValues);
    std::vector<double> pairs;
    pairs.reserve(2 * real.data.size());
    for (std::size_t i = 0; i < real.data.size(); ++i)
        pairs.insert(pairs.end(), {real.data[i], result.eigenvalueImaginary.data[i]});
    file.write<double>(group + "eigenvalues", pairs, {real.n0, real.n1, real.n2, 2});
    writeArray(file, (group + "lyapunov").c_str(), result.lyapunov);
    forEachMatrix(result, [&](const std::string& rows, const std::string& mean, const MatrixD& values) {
        writeArray(file, (group + rows).c_str(), values);
        const VectorD means = values.colwise().mean().transpose();
        writeVector<double>(file, (group + mean).c_str(), means);
    });
    std::vector<std::string> texts;
    for (const Verdict& verdict : verdicts) texts.push_back(verdictToJson(verdict));
    file.writeStrings(group + "verdicts", texts);
    if (result.untrainedHenriciRows.size() > 0) {
        writeArray(file, (group + "untrained_henrici").c_str(), result.untrainedHenriciRows);
        writeArray(file, (group + "untrained_cumulative_effective_rank_rows").c_str(),
                   result.untrainedCumulativeRankRows);
    }
    forEachUntrained(result, [&](const char* name, const VectorD& values) {
        if (values.size() > 0) writeVector<double>(file, (group + name).c_str(), values);
    });
}

JacobianResult readJacobian(const Hdf5File& file) {
    JacobianResult result;
    result.rows = file.read<std::int64_t>(group + "rows");
    result.alone = file.integerAttribute("/jacobian", "alone").value_or(0);
    const auto shape = shapeOf(file, "singular_values", 3);
    if (shape[0] != static_cast<std::int64_t>(result.rows.size()))
        refuseDataset(file, group + "singular_values", "it is not of as many rows as are named");
    result.singularValues = readCube(file, "singular_values", shape);
    result.remainingSingularValues = readCube(file, "remaining_singular_values", shape);
    auto ofPairs = shape;
    ofPairs.push_back(2);
    if (shapeOf(file, "eigenvalues", 4) != ofPairs)
        refuseDataset(file, group + "eigenvalues", "its shape does not fit that of singular_values");
    const auto pairs = file.read<double>(group + "eigenvalues");
    result.eigenvalueReal = result.eigenvalueImaginary = result.singularValues;
    for (std::size_t i = 0; i < result.singularValues.data.size(); ++i) {
        result.eigenvalueReal.data[i] = pairs[2 * i];
        result.eigenvalueImaginary.data[i] = pairs[2 * i + 1];
    }
    result.lyapunov = readMatrix(file, (group + "lyapunov").c_str(), shape[0], shape[2]);
    forEachMatrix(result, [&](const std::string& name, const char*, MatrixD& values) {
        values = readMatrix(file, (group + name).c_str(), shape[0], shape[1]);
    });
    if (file.exists(group + "untrained_henrici")) {
        result.untrainedHenriciRows =
            readMatrix(file, (group + "untrained_henrici").c_str(), shape[0], shape[1]);
        result.untrainedCumulativeRankRows = readMatrix(
            file, (group + "untrained_cumulative_effective_rank_rows").c_str(), shape[0], shape[1]);
    }
    forEachUntrained(result, [&](const std::string& name, VectorD& values) {
        if (file.exists(group + name)) values = readNumbers(file, (group + name).c_str(), shape[1]);
    });
    return result;
}

}  // namespace rheo
