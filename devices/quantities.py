"""Everything that can be measured: name, canonical unit, and what people call it.

Names follow the CF standard names where CF has one (``air_temperature``, ``relative_humidity``,
``wind_speed``) and their manner where it has none. The Japanese words are those of agricultural weather
stations and of the fish market. A kind of device may send a quantity in another unit of the same dimension;
Chiiki speaks of it in this one.
"""

from __future__ import annotations

from devices.model import Quantity

_TABLE = (
    ("air_temperature", "degC", "気温", "air temperature"),
    ("relative_humidity", "%", "相対湿度", "relative humidity"),
    ("dew_point", "degC", "露点温度", "dew point"),
    ("wet_bulb_temperature", "degC", "湿球温度", "wet-bulb temperature"),
    ("vapour_pressure_deficit", "kPa", "飽差（VPD）", "vapour pressure deficit"),
    ("humidity_deficit", "g/m3", "飽差（HD）", "humidity deficit"),
    ("air_pressure", "hPa", "気圧", "air pressure"),
    ("co2_concentration", "ppm", "CO₂濃度", "CO₂ concentration"),
    ("wind_speed", "m/s", "風速", "wind speed"),
    ("wind_gust_speed", "m/s", "最大瞬間風速", "wind gust speed"),
    ("wind_direction", "deg", "風向", "wind direction (from which it blows)"),
    ("rainfall", "mm", "降水量", "rainfall since the sample before"),
    ("snow_depth", "cm", "積雪深", "snow depth"),
    ("global_radiation", "W/m2", "日射量", "global radiation"),
    ("net_radiation", "W/m2", "純放射量", "net radiation"),
    ("ultraviolet_radiation", "W/m2", "紫外線量", "ultraviolet radiation"),
    ("illuminance", "lx", "照度", "illuminance"),
    (
        "photosynthetic_photon_flux",
        "umol/m2/s",
        "光合成光量子束密度（PPFD）",
        "photosynthetic photon flux density",
    ),
    ("leaf_wetness", "%", "葉面の濡れ", "leaf wetness"),
    ("leaf_temperature", "degC", "葉温", "leaf temperature"),
    ("plant_temperature", "degC", "植物体温度", "plant temperature"),
    ("soil_temperature", "degC", "地温", "soil temperature"),
    ("soil_water_content", "m3/m3", "土壌含水率（体積）", "volumetric soil water content"),
    ("soil_water_potential", "kPa", "土壌水分張力", "soil water potential"),
    ("soil_electrical_conductivity", "mS/cm", "土壌の電気伝導度（EC）", "soil electrical conductivity"),
    ("soil_acidity", "pH", "土壌のpH", "soil pH"),
    ("substrate_temperature", "degC", "培地温度", "substrate temperature"),
    ("substrate_water_content", "m3/m3", "培地含水率（体積）", "volumetric substrate water content"),
    (
        "substrate_electrical_conductivity",
        "mS/cm",
        "培地の電気伝導度（EC）",
        "substrate electrical conductivity",
    ),
    ("solution_electrical_conductivity", "mS/cm", "養液の電気伝導度（EC）", "nutrient solution conductivity"),
    ("solution_acidity", "pH", "養液のpH", "nutrient solution pH"),
    ("irrigation_flow", "L/min", "かん水流量", "irrigation flow"),
    ("irrigation_volume", "L", "かん水量", "irrigation volume since the sample before"),
    ("water_level", "cm", "水位", "water level"),
    ("water_temperature", "degC", "水温", "water temperature"),
    ("water_salinity", "1", "塩分", "practical salinity of water"),
    ("dissolved_oxygen", "mg/L", "溶存酸素量", "dissolved oxygen"),
    ("store_temperature", "degC", "貯蔵庫温度", "store temperature"),
    ("fish_temperature", "degC", "魚体温度", "fish temperature"),
    ("fish_throughput", "1/min", "処理尾数", "fish throughput"),
    ("fish_weight", "g", "魚体重", "fish weight"),
    ("fish_fork_length", "mm", "尾叉長", "fork length"),
    ("coupling_quality", "1", "探触子の密着度", "ultrasonic coupling quality"),
    ("classifier_latency", "ms", "判定時間", "classifier latency"),
    ("conveyor_speed", "m/s", "コンベヤ速度", "conveyor speed"),
    ("lens_cleanliness", "1", "レンズの清浄度", "lens cleanliness"),
    ("body_temperature", "degC", "体温", "body temperature of livestock"),
    ("battery_voltage", "V", "電池電圧", "battery voltage"),
    ("battery_charge", "%", "電池残量", "battery charge"),
    ("solar_panel_voltage", "V", "太陽電池電圧", "solar panel voltage"),
    ("supply_current", "A", "消費電流", "supply current"),
    ("supply_power", "W", "消費電力", "supply power"),
    ("device_temperature", "degC", "機器内温度", "device temperature"),
    ("signal_strength", "dBm", "電波強度", "signal strength"),
    ("signal_noise_ratio", "dB", "信号対雑音比", "signal-to-noise ratio"),
    ("uptime", "s", "連続稼働時間", "time since start"),
)

QUANTITIES: dict[str, Quantity] = {
    name: Quantity(name=name, unit=unit, label_ja=label_ja, label_en=label_en)
    for name, unit, label_ja, label_en in _TABLE
}
"""By name."""
