#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/array.h"
#include "core/base/model_identity.h"
#include "core/base/output_file.h"
#include "core/trace/file_parts.h"
#include "core/trace/hdf5_file.h"

namespace rheo {

// Parts that the files of interventions, patch maps, attributions, flows and responses store in the same way.

/// A new file with the attributes that all have: format, version, program, created, and the model's.
Hdf5File createLaboratoryFile(const OutputFile& output, const std::string& format,
                              const ModelIdentity& model);
/// Throws Error(Format) naming `format` unless the file is one of these, `what` for a person ("a patch map").
Hdf5File openLaboratoryFile(const std::filesystem::path& path, const std::string& format, const char* what);
/// Throws Error(Format) naming file and dataset.
[[noreturn]] void refuseDataset(const Hdf5File& file, const std::string& dataset, const std::string& why);
/// A dataset of that shape. Throws Error(Format) for another.
MatrixD readMatrix(const Hdf5File& file, const char* name, std::int64_t rows, std::int64_t columns);

/// A dataset of that many numbers. Throws Error(Format) for another shape.
VectorD readNumbers(const Hdf5File& file, const char* name, std::int64_t count);

/// The texts of tokens, `token_ids` and `token_texts`; nothing where there are none.
void writeTokenTexts(Hdf5File& file, const std::map<std::int32_t, std::string>& texts);
/// Throws Error(Format) where there is not one text an id.
std::map<std::int32_t, std::string> readTokenTexts(const Hdf5File& file);

/// A list of numbers of a type that HDF5 has, as a dataset.
template <class T>
void writeList(Hdf5File& file, const char* name, const std::vector<T>& values) {
    file.write<T>(name, values, {static_cast<std::int64_t>(values.size())});
}
/// The same of a vector of Eigen.
template <class T, class Vector>
void writeVector(Hdf5File& file, const char* name, const Vector& values) {
    file.write<T>(name, std::span<const T>(values.data(), static_cast<std::size_t>(values.size())),
                  {static_cast<std::int64_t>(values.size())});
}
/// A dataset of the shape of `values`.
inline void writeArray(Hdf5File& file, const char* name, const Array3F& values) {
    file.write<float>(name, values.data, {values.n0, values.n1, values.n2});
}
inline void writeArray(Hdf5File& file, const char* name, const MatrixD& values) {
    file.write<double>(name, std::span<const double>(values.data(), static_cast<std::size_t>(values.size())),
                       {values.rows(), values.cols()});
}
/// A text of any length, which an attribute cannot hold: a dataset of one string.
inline void writeText(Hdf5File& file, const char* name, const std::string& text) {
    file.writeStrings(name, {text});
}
/// Empty where there is none.
std::string readText(const Hdf5File& file, const char* name);

}  // namespace rheo
