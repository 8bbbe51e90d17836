#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/base/array.h"
#include "core/base/model_identity.h"
#include "core/base/output_file.h"
#include "core/statistics/axes.h"

namespace rheo {

class SafetensorsFile;

/// A direction or displacement of the residual stream, and where it comes from.
struct NamedVector {
    std::string name;
    VectorF values;                      ///< [unit]
    std::string point;                   ///< the residual point it belongs to; empty: not known
    std::string origin;                  ///< how it was made, a sentence; empty: not known
    std::optional<ModelIdentity> model;  ///< the model of the states; none where the file does not say
};

/// All vectors of `file` (.npy, .npz, safetensors or HDF5): floating-point arrays of one axis, and each row
/// of those of two ("NAME[3]"); other arrays are passed over where there are such. A single one without a
/// name has that of the file. Converted to float32. Model, point and origin are read where the file was
/// written by writeVectors. Throws Error(NotFound, Format, Unsupported) naming the file and the array.
/// Refuses more than 2^28 numbers.
std::vector<NamedVector> readVectors(const std::filesystem::path& file);

/// Whether writeVectors wrote `file`, by its metadata. Throws Error(Format) for a header that is no JSON.
bool isVectorFile(const SafetensorsFile& file);

/// The vector that `reference` names: "F.npy", where the file holds one, or "F.safetensors#NAME". A relative
/// path begins at `folder`. Throws as readVectors, and Error(NotFound) listing the names that are there.
NamedVector readVector(const std::string& reference, const std::filesystem::path& folder = {});

/// One to three vectors for axes: "F.safetensors", which must not hold more, or "F.safetensors:NAME,NAME"; a
/// name may itself hold a comma where it is the only one. Throws as readVectors, and Error(NotFound) listing
/// the names that are there, Error(InvalidArgument) for more than three.
std::vector<NamedVector> readAxisVectors(const std::string& reference);

/// These vectors as axes (axesOf). Throws also where one is of another model than `model` (may be null) or
/// has another width.
PcaBasis readAxes(const std::string& reference, AxesFrame frame, const ModelIdentity* model);

/// Throws Error(Mismatch) naming `reference` if the vector has another width than the states of `model`, or
/// is known to be of another model. Results and traces do not say all of theirs: what is not said is not
/// compared.
void requireVectorOf(const NamedVector& vector, const ModelIdentity& model, const std::string& reference);

/// Writes vectors of one width, float32: a .safetensors file with a tensor for each, or for a single one an
/// .npy. Norm, point, origin and model go to the metadata of the former, and for an .npy to a JSON file
/// beside it, PATH.json; the model is left out where its digests are empty. Throws as OutputFile, and
/// Error(InvalidArgument) for other endings, several vectors in an .npy, names that are not distinct, or
/// different widths.
void writeVectors(const std::filesystem::path& path, const std::vector<NamedVector>& vectors,
                  const ModelIdentity& model, IfExists ifExists);

}  // namespace rheo
