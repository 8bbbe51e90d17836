#pragma once

#include <string>
#include <vector>

#include "core/trace/hdf5_file.h"
#include "core/trace/trace.h"

namespace rheo {

/// Writes the groups and the columns of samples as `FOLDER/group` and `FOLDER/columns`, [sample] each: texts,
/// and JSON objects of texts. What no sample has is not written. Throws as Hdf5File.
void writeSampleLabels(Hdf5File& file, const std::string& folder, const std::vector<Sample>& samples);

/// Gives `samples` the groups and columns that writeSampleLabels wrote; nothing where there are none. Throws
/// Error(Format) naming the dataset for lists of another length and for columns that are no objects of texts.
void readSampleLabels(const Hdf5File& file, const std::string& folder, std::vector<Sample>& samples);

}  // namespace rheo
