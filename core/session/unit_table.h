#pragma once

#include <string>
#include <vector>

#include "core/results/results_file.h"

namespace rheo {

/// A number for each unit of a trace.
struct UnitColumn {
    std::string name;         ///< a few words, for the head of a table: "Turns"
    std::string description;  ///< a sentence
    VectorD values;           ///< [unit]; NaN where it is not defined
};

/// What results say of single units: their rotation beside the null, correlation and mutual information with
/// the next point (means over steps; of correlations by Fisher's z), and their share of the squared norm
/// (mean over points). Only columns whose statistic is there. Linear in points times units.
std::vector<UnitColumn> unitColumns(const Results& results);

}  // namespace rheo
