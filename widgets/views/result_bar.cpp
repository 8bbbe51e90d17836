#include "widgets/views/result_bar.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QPushButton>

#include "widgets/views/view.h"

namespace rheo {

namespace {

constexpr int markSize = 10;

QString statisticOf(const View& view) {
    const auto name = view.figureView().statistic;
    return QString::fromUtf8(name.data(), static_cast<qsizetype>(name.size()));
}

}  // namespace

QPixmap markOf(ResultStatus status, const QPalette& palette, qreal ratio) {
    if (status == ResultStatus::Missing || status == ResultStatus::Done) return {};
    QPixmap mark((QSizeF(markSize, markSize) * ratio).toSize());
    mark.setDevicePixelRatio(ratio);
    mark.fill(Qt::transparent);
    QPainter painter(&mark);
    painter.setRenderHint(QPainter::Antialiasing);
    const bool busy = status == ResultStatus::Running || status == ResultStatus::Waiting;
    const QColor ink = palette.color(busy ? QPalette::Link : QPalette::BrightText);
    painter.setPen(QPen(ink, 1.5));
    const QRectF ring(1, 1, markSize - 2, markSize - 2);
    // Running: a full disc; waiting: a ring; stopped: half a disc; stale: a ring with a gap and a dot.
    if (status == ResultStatus::Running) painter.setBrush(ink);
    if (status == ResultStatus::Stale)
        painter.drawArc(ring, 60 * 16, 300 * 16);
    else
        painter.drawEllipse(ring);
    painter.setBrush(ink);
    if (status == ResultStatus::Stopped) painter.drawPie(ring, 90 * 16, 180 * 16);
    if (status == ResultStatus::Stale) painter.drawEllipse(ring.center(), 1.2, 1.2);
    return mark;
}

ResultBar::ResultBar(Analyses& analyses, QWidget* parent)
    : QWidget(parent),
      m_analyses(analyses),
      m_mark(new QLabel),
      m_text(new QLabel),
      m_button(new QPushButton),
      m_options(new QPushButton(tr("O&ptions…"))),
      m_export(new QPushButton(tr("E&xport…"))) {
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(8, 3, 8, 3);
    layout->addWidget(m_mark);
    layout->addWidget(m_text, 1);
    layout->addWidget(m_button);
    layout->addWidget(m_options);
    layout->addWidget(m_export);
    m_text->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    m_text->setAccessibleName(tr("State of the result"));
    m_options->setToolTip(tr("Choose rows, points, scaling, nulls and options"));
    connect(m_button, &QPushButton::clicked, this, &ResultBar::press);
    m_export->setToolTip(tr("Export the figure as SVG, PDF or PNG (Ctrl+E)"));
    connect(m_options, &QPushButton::clicked, this, &ResultBar::optionsRequested);
    connect(m_export, &QPushButton::clicked, this, &ResultBar::exportRequested);
    connect(&m_analyses, &Analyses::changed, this, &ResultBar::refresh);
    connect(&m_analyses, &Analyses::choiceChanged, this, &ResultBar::refresh);
}

void ResultBar::showView(const View* view) {
    m_view = view;
    refresh();
}

void ResultBar::refresh() {
    if (m_view == nullptr) return;
    const QString statistic = statisticOf(*m_view);
    const ResultState now = m_analyses.stateOf(statistic, m_view->showsRows());
    const bool rows = m_analyses.hasRows();
    setVisible(!m_view->explainsItself() &&
               (rows || now.status != ResultStatus::Missing || m_view->hasFigure()));
    m_line = now.line;
    const bool again = now.status == ResultStatus::Stale || now.status == ResultStatus::Stopped;
    m_button->setToolTip({});
    if (rows && now.analysis == 0 && !again) {
        // What the button costs, with the options of the form.
        const AnalysisChoice choice = m_analyses.choiceOf(statistic);
        const auto cost = m_analyses.costOf(choice);
        const QString time = Analyses::timeText(cost);
        if (!time.isEmpty() && now.status == ResultStatus::Missing) m_line = tr("Takes %1").arg(time);
        if (cost)
            m_button->setToolTip(
                tr("Of %1: %2").arg(Analyses::choiceText(choice, cost->rows), Analyses::costText(cost)));
    }
    m_button->setText(now.analysis != 0                     ? tr("&Cancel")
                      : now.status == ResultStatus::Stopped ? tr("&Continue")
                      : now.status == ResultStatus::Stale   ? tr("Re&compute")
                      : now.status == ResultStatus::Missing ? tr("&Compute")
                                                            : tr("&Compute again"));
    m_button->setVisible(rows || now.analysis != 0);
    m_options->setVisible(rows);
    m_export->setVisible(m_view->hasFigure());
    const QPixmap mark = markOf(now.status, palette(), devicePixelRatioF());
    m_mark->setPixmap(mark);
    m_mark->setVisible(!mark.isNull());
    m_text->setToolTip(m_line);
    // So that the view below has its place at once.
    if (parentWidget() != nullptr && parentWidget()->layout() != nullptr)
        parentWidget()->layout()->activate();
    fitText();
}

void ResultBar::fitText() {
    m_text->setText(m_text->fontMetrics().elidedText(m_line, Qt::ElideRight, m_text->width()));
}

void ResultBar::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    fitText();
}

void ResultBar::press() {
    const QString statistic = statisticOf(*m_view);
    const ResultState now = m_analyses.stateOf(statistic, m_view->showsRows());
    if (now.analysis != 0)
        m_analyses.cancel(now.analysis);
    else if (now.status == ResultStatus::Stale || now.status == ResultStatus::Stopped)
        m_analyses.computeAgain(statistic);
    else
        m_analyses.compute(statistic);
}

}  // namespace rheo
