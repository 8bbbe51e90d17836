#pragma once

#include <QString>
#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

#include "core/trace/hdf5_file.h"

/// The share of a number by which a dataset of this name may differ.
using Tolerance = std::function<double(const std::string& dataset)>;

/// The first dataset in which two HDF5 files differ; "the names" where one has a dataset that the other
/// lacks; empty: in none. Numbers x and y are the same where |x - y| <= tolerance (1 + |x|), or both are NaN.
/// Texts are not compared.
inline QString differenceOf(
    const QString& a, const QString& b,
    const Tolerance& tolerance = [](const std::string&) { return 1e-12; }) {
    using namespace rheo;
    const auto one = Hdf5File::openForReading(a.toStdString()),
               other = Hdf5File::openForReading(b.toStdString());
    const auto names = one.datasets(100000);
    if (names != other.datasets(100000)) return "the names";
    for (const auto& name : names) {
        if (one.info(name).type == Hdf5Type::String) continue;
        const double allowed = tolerance(name);
        const auto same = [allowed](double x, double y) {
            return x == y || (std::isnan(x) && std::isnan(y)) ||
                   std::abs(x - y) <= allowed * (1 + std::abs(x));
        };
        const auto x = one.read<double>(name), y = other.read<double>(name);
        if (!std::equal(x.begin(), x.end(), y.begin(), y.end(), same)) return QString::fromStdString(name);
    }
    return {};
}
