//! Latency by percentile, both on a log scale: from p50 to p99.99.

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::{Line, Picture};

/// One in this many calls is slower: 2 is p50, 10,000 is p99.99.
const FEWEST: f64 = 2.0;
const MOST: f64 = 10_000.0;
/// Points of a line.
const POINTS: u32 = 200;

const COLOURS: [RGBColor; 6] = [
    RGBColor(120, 120, 120),
    RGBColor(31, 119, 180),
    RGBColor(44, 160, 44),
    RGBColor(214, 39, 40),
    RGBColor(148, 103, 189),
    RGBColor(255, 127, 14),
];

/// The picture as SVG.
pub fn svg(picture: &Picture) -> Result<String> {
    let mut text = String::new();
    draw(picture, &mut text).map_err(|error| anyhow!("no picture: {error}"))?;
    Ok(text)
}

fn draw(picture: &Picture, text: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let all = picture.lines.iter().flat_map(points);
    let (mut least, mut most) = (f64::MAX, f64::MIN);
    for (_, us) in all {
        (least, most) = (least.min(us), most.max(us));
    }
    let area = SVGBackend::with_string(text, (900, 500)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(&picture.title, ("sans-serif", 22))
        .margin(14)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(
            (FEWEST..MOST).log_scale(),
            (least * 0.8..most * 1.25).log_scale(),
        )?;
    chart
        .configure_mesh()
        .x_desc("percentile")
        .y_desc("µs")
        .x_label_formatter(&|one_of| percentile(*one_of))
        .y_label_formatter(&|us| format!("{us:.0}"))
        .label_style(("sans-serif", 16))
        .light_line_style(RGBColor(235, 235, 235))
        .draw()?;
    for (line, colour) in picture.lines.iter().zip(COLOURS.iter().cycle()) {
        let style = colour.stroke_width(2);
        let legend = move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style);
        chart
            .draw_series(LineSeries::new(points(line), style))?
            .label(&line.name)
            .legend(legend);
    }
    chart
        .configure_series_labels()
        // Lines end high on the right, so the legend covers none.
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .border_style(RGBColor(200, 200, 200))
        .label_font(("sans-serif", 17))
        .draw()?;
    area.present()?;
    Ok(())
}

/// (one in this many, µs) along the line.
fn points(line: &Line) -> impl Iterator<Item = (f64, f64)> + '_ {
    let steps = (MOST / FEWEST).ln() / f64::from(POINTS);
    (0..=POINTS).map(move |point| {
        let one_of = FEWEST * (steps * f64::from(point)).exp();
        let at = 1.0 - 1.0 / one_of;
        let us = line.latencies.value_at_quantile(at) as f64 / 1000.0;
        (one_of, us.max(0.001))
    })
}

fn percentile(one_of: f64) -> String {
    let percent = 100.0 - 100.0 / one_of;
    let text = format!("{percent:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("p{text}")
}
