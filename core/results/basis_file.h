#pragma once

#include <filesystem>
#include <memory>

#include "core/base/array.h"
#include "core/base/output_file.h"
#include "core/statistics/pca.h"

namespace rheo {

/// A basis alone, as a session keeps it: every field of PcaBasis, to the last bit. HDF5. Throws as
/// OutputFile.
void writeBasisFile(const std::filesystem::path& path, const PcaBasis& basis, IfExists ifExists);
/// Throws Error(NotFound, Format, Unsupported) naming the file and the dataset.
PcaBasis readBasisFile(const std::filesystem::path& path);

/// Scores of rows in a basis, and what PCAs of single points explain.
struct ScoresFile {
    std::shared_ptr<const Array3F> scores;          ///< [row, point, k]
    std::shared_ptr<const MatrixD> pointExplained;  ///< [point, 3]; null: not known
};
/// Throw as those above.
void writeScoresFile(const std::filesystem::path& path, const ScoresFile& scores, IfExists ifExists);
ScoresFile readScoresFile(const std::filesystem::path& path);

}  // namespace rheo
