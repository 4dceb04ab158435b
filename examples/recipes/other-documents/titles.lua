-- What the project of each task is called, as of this run.
function migrateOne(doc, ctx)
    local project = doc.project and ctx.load(doc.project)
    if project then
        return { projectTitle = project.title }
    end
end
