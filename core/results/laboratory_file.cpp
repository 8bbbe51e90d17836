#include "core/results/laboratory_file.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

#include "core/base/error.h"

namespace rheo {

namespace {
constexpr std::int64_t formatVersion = 1;
}

Hdf5File createLaboratoryFile(const OutputFile& output, const std::string& format,
                              const ModelIdentity& model) {
    Hdf5File file = Hdf5File::create(output.temporary(), output.path());
    file.setAttribute("/", "format", format);
    file.setAttribute("/", "version", formatVersion);
    file.setAttribute("/", "program", std::string("Rheograph " RHEO_VERSION));
    file.setAttribute("/", "created", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))));
    writeModelAttributes(file, "/", model);
    return file;
}

Hdf5File openLaboratoryFile(const std::filesystem::path& path, const std::string& format, const char* what) {
    Hdf5File file = Hdf5File::openForReading(path);
    const auto found = file.textAttribute("/", "format");
    if (!found || *found != format)
        throw Error(ErrorCode::Format,
                    fmt::format("{} does not hold {}: its attribute format is {}", path.string(), what,
                                found ? "\"" + *found + "\"" : "missing"),
                    path.string());
    if (file.integerAttribute("/", "version").value_or(0) > formatVersion)
        throw Error(ErrorCode::Unsupported, fmt::format("{} was written by a newer Rheograph", path.string()),
                    path.string());
    return file;
}

void refuseDataset(const Hdf5File& file, const std::string& dataset, const std::string& why) {
    throw Error(ErrorCode::Format, fmt::format("{}, {}: {}", file.path().string(), dataset, why),
                file.path().string());
}

MatrixD readMatrix(const Hdf5File& file, const char* name, std::int64_t rows, std::int64_t columns) {
    const auto shape = file.info(name).shape;
    if (shape != std::vector<std::int64_t>{rows, columns})
        refuseDataset(file, name,
                      fmt::format("its shape is ({}), and ({}, {}) was expected", fmt::join(shape, ", "),
                                  rows, columns));
    const auto values = file.read<double>(name);
    return Eigen::Map<const MatrixD>(values.data(), rows, columns);
}

VectorD readNumbers(const Hdf5File& file, const char* name, std::int64_t count) {
    const auto shape = file.info(name).shape;
    if (shape != std::vector<std::int64_t>{count})
        refuseDataset(file, name,
                      fmt::format("its shape is ({}), and ({}) was expected", fmt::join(shape, ", "), count));
    const auto values = file.read<double>(name);
    return Eigen::Map<const VectorD>(values.data(), count);
}

void writeTokenTexts(Hdf5File& file, const std::map<std::int32_t, std::string>& texts) {
    if (texts.empty()) return;
    std::vector<std::int32_t> ids;
    std::vector<std::string> words;
    for (const auto& [id, text] : texts) {
        ids.push_back(id);
        words.push_back(text);
    }
    writeList(file, "/token_ids", ids);
    file.writeStrings("/token_texts", words);
}

std::map<std::int32_t, std::string> readTokenTexts(const Hdf5File& file) {
    std::map<std::int32_t, std::string> texts;
    if (!file.exists("/token_ids")) return texts;
    const auto ids = file.read<std::int32_t>("/token_ids");
    const auto words = file.readStrings("/token_texts");
    if (ids.size() != words.size()) refuseDataset(file, "/token_texts", "there is not one text an id");
    for (std::size_t i = 0; i < ids.size(); ++i) texts[ids[i]] = words[i];
    return texts;
}

std::string readText(const Hdf5File& file, const char* name) {
    if (!file.exists(name)) return "";
    const auto lines = file.readStrings(name);
    return lines.empty() ? "" : lines.front();
}

}  // namespace rheo
