#pragma once

#include <string>

#include "core/results/results_file.h"
#include "core/trace/hdf5_file.h"

namespace rheo {

/// What results were made from, as a group of a file ("/source"): points, rows, samples and the model; no
/// states. Throws as Hdf5File.
void writeSource(Hdf5File& file, const std::string& group, const ResultsSource& source);
/// Throws Error(Format) where lists that belong together differ in length, or name what is not there.
ResultsSource readSource(const Hdf5File& file, const std::string& group);

}  // namespace rheo
