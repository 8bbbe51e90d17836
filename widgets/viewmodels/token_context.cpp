#include "widgets/viewmodels/token_context.h"

#include <QRegularExpression>
#include <algorithm>
#include <span>

#include "core/figure/teleport_figure.h"

namespace rheo {

namespace {

const QChar ellipsis(0x2026);

/// Runs of blanks and line ends as one blank; unlike simplified(), those at the ends stay.
QString oneLine(QString text) {
    static const QRegularExpression blanks(QStringLiteral("\\s+"));
    return text.replace(blanks, QStringLiteral(" "));
}

QString decoded(const Tokenizer& tokenizer, std::span<const std::int32_t> ids) {
    return oneLine(QString::fromStdString(tokenizer.decode(ids)));
}

}  // namespace

TokenContext tokenContext(const Sample& sample, std::int32_t position, const Tokenizer* tokenizer, int most) {
    const std::span<const std::int32_t> ids(sample.tokenIds);
    const auto at = static_cast<std::size_t>(std::max(position, 0));
    if (tokenizer == nullptr || position < 0 || at >= ids.size()) {
        const QString text = oneLine(QString::fromStdString(sample.text)).trimmed();
        return {text.size() > most ? text.left(most) + ellipsis : text, {}, {}};
    }
    // A token is rarely shorter than a character: no more of them are needed.
    const auto reach = static_cast<std::size_t>(most);
    const std::size_t from = at > reach ? at - reach : 0, to = std::min(ids.size(), at + 1 + reach);
    TokenContext context;
    context.before = decoded(*tokenizer, ids.subspan(from, at - from));
    context.after = decoded(*tokenizer, ids.subspan(at + 1, to - at - 1));
    context.token = QString::fromStdString(visibleToken(tokenizer->pieceText(ids[at])));
    if (from > 0 || context.before.size() > most) context.before = ellipsis + context.before.right(most);
    if (to < ids.size() || context.after.size() > most / 3)
        context.after = context.after.left(most / 3) + ellipsis;
    return context;
}

QString tokenInLine(const TokenContext& context) {
    return context.token.isEmpty() ? context.before
                                   : context.before + QStringLiteral("[%1]").arg(context.token);
}

}  // namespace rheo
