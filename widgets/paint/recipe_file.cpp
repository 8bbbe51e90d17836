#include "widgets/paint/recipe_file.h"

#include <QXmlStreamReader>
#include <QXmlStreamWriter>
#include <array>
#include <cstdint>
#include <string_view>

#include "core/base/error.h"
#include "core/base/output_file.h"

namespace rheo {
namespace {

constexpr std::uintmax_t largestFile = std::uintmax_t{1} << 30;
constexpr std::string_view pngSignature("\x89PNG\r\n\x1a\n", 8);
constexpr std::string_view keyword = "Rheograph recipe";
const QString namespaceUri = QStringLiteral("urn:rheograph:recipe");

/// CRC-32 as PNG defines it (ISO 3309, reflected polynomial 0xEDB88320).
std::uint32_t crc32(std::string_view bytes) {
    static const auto table = [] {
        std::array<std::uint32_t, 256> entries{};
        for (std::uint32_t i = 0; i < 256; ++i) {
            std::uint32_t value = i;
            for (int bit = 0; bit < 8; ++bit)
                value = (value & 1) != 0 ? value >> 1 ^ 0xedb88320u : value >> 1;
            entries[i] = value;
        }
        return entries;
    }();
    std::uint32_t crc = 0xffffffffu;
    for (const char byte : bytes) crc = table[(crc ^ static_cast<unsigned char>(byte)) & 255] ^ crc >> 8;
    return ~crc;
}

std::uint32_t bigEndian(std::string_view bytes) {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i)
        value = value << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
    return value;
}

void appendBigEndian(std::string& to, std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) to += static_cast<char>(value >> shift & 255);
}

/// The recipe in the text of an iTXt chunk; empty if it is another text, or a compressed one, which this
/// program does not write.
std::optional<std::string> recipeOfText(std::string_view chunk) {
    if (!chunk.starts_with(keyword) || chunk.size() < keyword.size() + 3 || chunk[keyword.size()] != 0)
        return std::nullopt;
    chunk.remove_prefix(keyword.size() + 1);
    if (chunk[0] != 0) return std::nullopt;
    chunk.remove_prefix(2);                 // compression flag and method
    for (int text = 0; text < 2; ++text) {  // language, translated keyword
        const auto end = chunk.find('\0');
        if (end == std::string_view::npos) return std::nullopt;
        chunk.remove_prefix(end + 1);
    }
    return std::string(chunk);
}

std::optional<std::string> recipeOfPng(std::string_view file, const std::string& name) {
    const auto damaged = [&](const char* what) -> Error {
        return {ErrorCode::Format, name + " is a damaged PNG: " + what + ".", name};
    };
    auto rest = file.substr(pngSignature.size());
    while (!rest.empty()) {
        if (rest.size() < 12) throw damaged("it ends inside a chunk");
        const std::uint32_t size = bigEndian(rest);
        if (size > rest.size() - 12) throw damaged("a chunk reaches beyond the end of the file");
        const auto type = rest.substr(4, 4);
        if (type == "IEND") break;
        if (type == "iTXt") {
            if (crc32(rest.substr(4, 4 + size)) != bigEndian(rest.substr(8 + size)))
                throw damaged("the checksum of a text is wrong");
            if (auto recipe = recipeOfText(rest.substr(8, size))) return recipe;
        }
        rest.remove_prefix(12 + size);
    }
    return std::nullopt;
}

/// The text of the first element that `wanted` picks.
template <class Wanted>
std::optional<std::string> textOfElement(std::string_view xml, Wanted wanted) {
    QXmlStreamReader reader(QByteArray::fromRawData(xml.data(), static_cast<qsizetype>(xml.size())));
    while (!reader.atEnd()) {
        if (reader.readNext() != QXmlStreamReader::StartElement || !wanted(reader)) continue;
        const QString text = reader.readElementText(QXmlStreamReader::IncludeChildElements);
        if (reader.hasError()) return std::nullopt;
        return text.toStdString();
    }
    return std::nullopt;
}

std::optional<std::string> recipeOfPdf(std::string_view file) {
    // Metadata streams are stored uncompressed, so that they can be found by any program.
    for (std::size_t at = file.find("<x:xmpmeta"); at != std::string_view::npos;
         at = file.find("<x:xmpmeta", at + 1)) {
        constexpr std::string_view close = "</x:xmpmeta>";
        const auto end = file.find(close, at);
        if (end == std::string_view::npos) break;
        auto recipe =
            textOfElement(file.substr(at, end + close.size() - at), [](const QXmlStreamReader& reader) {
                return reader.name() == QLatin1String("recipe") && reader.namespaceUri() == namespaceUri;
            });
        if (recipe) return recipe;
    }
    return std::nullopt;
}

std::optional<std::string> recipeOfSvg(std::string_view file) {
    auto text = textOfElement(file, [](const QXmlStreamReader& reader) {
        return reader.name() == QLatin1String("metadata") &&
               reader.namespaceUri() == QLatin1String("http://www.w3.org/2000/svg");
    });
    // Other programs keep other things there.
    if (!text || text->find("rheograph_recipe") == std::string::npos) return std::nullopt;
    return text;
}

}  // namespace

QByteArray pngWithRecipe(const QByteArray& png, const std::string& recipe) {
    const std::string_view bytes(png.constData(), static_cast<std::size_t>(png.size()));
    constexpr std::size_t headerEnd = 8 + 12 + 13;  // signature and IHDR, always first
    if (!bytes.starts_with(pngSignature) || bytes.size() < headerEnd)
        throw Error(ErrorCode::Internal, "The picture to be saved was not encoded as a PNG.");
    std::string body = "iTXt";
    body += keyword;
    body +=
        std::string(5, '\0');  // end of the keyword; not compressed, method 0; no language, no translation
    body += recipe;
    std::string chunk;
    appendBigEndian(chunk, static_cast<std::uint32_t>(body.size() - 4));
    chunk += body;
    appendBigEndian(chunk, crc32(body));
    QByteArray result = png;
    result.insert(static_cast<qsizetype>(headerEnd), QByteArray::fromStdString(chunk));
    return result;
}

QByteArray xmpWithRecipe(const QString& title, const std::string& recipe) {
    const QString rdf = QStringLiteral("http://www.w3.org/1999/02/22-rdf-syntax-ns#");
    const QString dc = QStringLiteral("http://purl.org/dc/elements/1.1/");
    const QString xmp = QStringLiteral("http://ns.adobe.com/xap/1.0/");
    const QString meta = QStringLiteral("adobe:ns:meta/");
    QByteArray body;
    QXmlStreamWriter writer(&body);
    writer.writeNamespace(meta, "x");
    writer.writeStartElement(meta, "xmpmeta");
    writer.writeNamespace(rdf, "rdf");
    writer.writeStartElement(rdf, "RDF");
    writer.writeNamespace(dc, "dc");
    writer.writeNamespace(xmp, "xmp");
    writer.writeNamespace(namespaceUri, "rheo");
    writer.writeStartElement(rdf, "Description");
    writer.writeAttribute(rdf, "about", "");
    if (!title.isEmpty()) {
        writer.writeStartElement(dc, "title");
        writer.writeStartElement(rdf, "Alt");
        writer.writeStartElement(rdf, "li");
        writer.writeAttribute("xml:lang", "x-default");
        writer.writeCharacters(title);
        writer.writeEndElement();
        writer.writeEndElement();
        writer.writeEndElement();
    }
    writer.writeTextElement(xmp, "CreatorTool", "Rheograph " RHEO_VERSION);
    if (!recipe.empty()) writer.writeTextElement(namespaceUri, "recipe", QString::fromStdString(recipe));
    writer.writeEndElement();
    writer.writeEndElement();
    writer.writeEndElement();
    return "<?xpacket begin=\"\xef\xbb\xbf\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n" + body +
           "\n<?xpacket end=\"r\"?>";
}

std::optional<std::string> readRecipe(const std::filesystem::path& path) {
    const std::string file = readFile(path, largestFile);
    const std::string_view view(file);
    if (view.starts_with(pngSignature)) return recipeOfPng(view, path.string());
    if (view.substr(0, 1024).find("%PDF-") != std::string_view::npos) return recipeOfPdf(view);
    return recipeOfSvg(view);
}

}  // namespace rheo
