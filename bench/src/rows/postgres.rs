//! PostgreSQL.

use super::{Aim, Bench, Results, Row, SMALL, median};
use crate::machine::{LOAD_CORE, SERVER_CORE};
use crate::{Failure, pgbench, say};

impl Bench {
    /// PostgreSQL where the system puts it; what calls it, platen or `pgbench`, on the same core.
    pub(super) async fn on_postgres(
        &self,
        server: &str,
        results: &mut Results,
    ) -> Result<(), Failure> {
        let (mut ratios, mut said) = (Vec::new(), Vec::new());
        for round in 0..self.rounds {
            let name = format!("platen_bench_{}_{round}", std::process::id());
            pgbench::copy_database(server, "template0", &name).await?;
            let folder = self.folder.join(&name);
            std::fs::create_dir(&folder)?;
            let url = pgbench::url(server, &name);
            let filled = self.fill(&folder, &url, SMALL + 2 * self.calls, &[])?;
            // Both find the same database: the one that is loaded second is a copy.
            let second = format!("{name}_second");
            pgbench::copy_database(server, &name, &second).await?;
            let recorded =
                pgbench::run(&self.pgbench, server, &second, &filled.cards, self.calls).await?;
            let sandbox = self.start(&filled)?;
            let own = sandbox.load(self.load(&filled, 0, "no"))?.calls_per_second;
            sandbox.stop()?;
            ratios.push(own / recorded);
            said.push(format!("{own:.0}/s against {recorded:.0}/s"));
            say(&format!("PostgreSQL, round {}: {}", round + 1, said[round]));
        }
        results.rows.push(Row {
            what: format!(
                "plain reissue on PostgreSQL: platen on core {SERVER_CORE}, its callers on \
                 {LOAD_CORE}, PostgreSQL on all"
            ),
            compared_with: format!(
                "`pgbench` on core {SERVER_CORE} with the same statements, {} clients, prepared; \
                 PostgreSQL on all",
                pgbench::CLIENTS
            ),
            measured: said.join("; "),
            value: median(ratios),
            unit: "×",
            aim: Aim::AtLeast(1.0),
        });
        Ok(())
    }
}
