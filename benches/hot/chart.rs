//! Curves as pictures: a quantity by a size, the size on a logarithmic axis.

use std::fmt::Write as _;

/// A curve: its name, and its points by size.
pub(crate) type Curve = (&'static str, Vec<(usize, f64)>);

const COLOURS: [&str; 3] = ["#1f77b4", "#d62728", "#7f7f7f"];
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 40.0;

/// The picture, as SVG.
pub(crate) fn svg(title: &str, sizes: &str, unit: &str, curves: &[Curve]) -> String {
    let points = || curves.iter().flat_map(|(_, points)| points);
    let (least, most) =
        points().fold((usize::MAX, 0), |(least, most), (size, _)| (least.min(*size), most.max(*size)));
    let top = points().fold(0.0_f64, |top, (_, value)| top.max(*value)) * 1.1;
    let decades = (most as f64 / least as f64).log10().max(f64::MIN_POSITIVE);
    let x = |size: usize| LEFT + (size as f64 / least as f64).log10() / decades * (WIDTH - LEFT - 20.0);
    let y = |value: f64| HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - 40.0);
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' font-family='sans-serif' font-size='12'>\n\
         <rect width='100%' height='100%' fill='white'/>\n\
         <text x='{LEFT}' y='20' font-size='14'>{title}</text>\n"
    );
    for tick in 0..=4 {
        let value = top * f64::from(tick) / 4.0;
        let (at, text) = (y(value), format!("{value:.0} {unit}"));
        let _ = writeln!(svg, "<path d='M{LEFT} {at:.0}H{}' stroke='#ddd'/>", WIDTH - 20.0);
        let _ = writeln!(svg, "<text x='{}' y='{:.0}' text-anchor='end'>{text}</text>", LEFT - 6.0, at + 4.0);
    }
    for (size, _) in curves.first().map(|(_, points)| points).into_iter().flatten() {
        let (at, below) = (x(*size), HEIGHT - BOTTOM + 16.0);
        let _ = writeln!(svg, "<text x='{at:.0}' y='{below}' text-anchor='middle'>{size}</text>");
    }
    let _ = writeln!(svg, "<text x='{}' y='{}' text-anchor='end'>{sizes}</text>", WIDTH - 20.0, HEIGHT - 6.0);
    for (n, ((name, points), colour)) in curves.iter().zip(COLOURS).enumerate() {
        let line: Vec<String> =
            points.iter().map(|(size, value)| format!("{:.1},{:.1}", x(*size), y(*value))).collect();
        let _ = writeln!(
            svg,
            "<polyline points='{}' fill='none' stroke='{colour}' stroke-width='2'/>",
            line.join(" ")
        );
        let (left, up) = (LEFT + 10.0 + 150.0 * n as f64, HEIGHT - 6.0);
        let _ = writeln!(svg, "<text x='{left}' y='{up}' fill='{colour}'>{name}</text>");
    }
    svg + "</svg>\n"
}
