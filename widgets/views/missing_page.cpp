#include "widgets/views/missing_page.h"

#include <QApplication>
#include <QClipboard>
#include <QFontDatabase>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

#include "core/session/opened_results.h"
#include "widgets/viewmodels/shell_line.h"

namespace rheo {

namespace {

constexpr int textWidth = 560;

QString text(std::string_view words) {
    return QString::fromUtf8(words.data(), static_cast<qsizetype>(words.size()));
}

QLabel* line(bool selectable) {
    auto* label = new QLabel;
    label->setWordWrap(true);
    label->setMaximumWidth(textWidth);
    label->setMinimumWidth(200);
    if (selectable) label->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    return label;
}

/// Results are added to in the way they were made: of the same rows and points.
QStringList sameRowsAndPoints(const DocumentState& state) {
    const ResultsSource& source = state.results->results.source;
    QStringList words;
    if (!source.selection.empty()) words << "--select" << QString::fromStdString(source.selection);
    const auto& points = source.info.points;
    if (state.trace && !points.empty() && points != state.trace->info().points)
        words << "--points"
              << QString::fromStdString(pointName(points.front()) + ":" + pointName(points.back()));
    return words;
}

}  // namespace

QString analyzeCommand(const FigureView& figure, const DocumentState& state) {
    const std::string known = traceFileOf(state);
    const QString trace = known.empty() ? QStringLiteral("trace.rheo.h5") : QString::fromStdString(known);
    QStringList words{"rheo", "analyze", trace, "--stat", text(figure.statistic)};
    if (figure.needsModel)
        words << "--model"
              << "MODEL";
    if (state.results) {
        words << sameRowsAndPoints(state) << "--add"
              << "--out" << QString::fromStdString(state.results->path.string());
    } else {
        words << "--out"
              << "results.h5";
    }
    return shellLine(words);
}

MissingPage::MissingPage(const FigureView& figure)
    : m_figure(figure),
      m_text(line(false)),
      m_commandText(line(true)),
      m_after(line(false)),
      m_copy(new QPushButton(tr("&Copy the command"))) {
    m_commandText->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
    m_commandText->setAccessibleName(tr("Command that makes it"));
    auto* layout = new QVBoxLayout;
    layout->addStretch(2);
    for (QLabel* label : {m_text, m_commandText}) layout->addWidget(label);
    layout->addWidget(m_copy, 0, Qt::AlignLeft);
    layout->addWidget(m_after);
    layout->addStretch(3);
    auto* middle = new QHBoxLayout(this);
    middle->setContentsMargins(24, 24, 24, 24);
    middle->addStretch(1);
    middle->addLayout(layout, 100);
    middle->addStretch(1);
    connect(m_copy, &QPushButton::clicked, this, [this] { QApplication::clipboard()->setText(m_command); });
}

void MissingPage::explain(const DocumentState& state, const QString& trouble) {
    const QString statistic = text(m_figure.statistic);
    if (!trouble.isEmpty())
        m_reason = trouble;
    else if (state.results)
        m_reason =
            tr("%1 does not hold it.").arg(QString::fromStdString(state.results->path.filename().string()));
    else
        m_reason = tr("No results are open that hold it.");
    const bool named = !traceFileOf(state).empty();
    m_command = analyzeCommand(m_figure, state);
    QString needs = tr("It needs the statistic <b>%1</b>").arg(statistic);
    needs += m_figure.needsModel ? tr(", computed with the model that made the trace.") : QStringLiteral(".");
    m_text->setText(QStringLiteral("<h3>%1</h3><p>%2</p><p>%3 %4</p><p>%5</p>")
                        .arg(text(m_figure.title).toHtmlEscaped(), text(m_figure.shows).toHtmlEscaped(),
                             m_reason.toHtmlEscaped(), needs,
                             named ? tr("This command computes it:")
                                   : tr("This command computes it, of a trace that is saved in a file:")));
    m_commandText->setText(m_command);
    m_after->setText(tr("Then open the results (Ctrl+O), or drop the file on the window."));
}

}  // namespace rheo
